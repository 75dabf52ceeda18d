//! `RandomStream`: the draws of one stream, one after another, as `random.Random` wants them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyInt};
use stormdb_engine::random::random_u64;

/// Largest limit for which a product is even enough: by one part in 2**32.
const SMALL: u64 = 1 << 32;

/// Draws of a stream of random numbers.
#[pyclass(module = "stormdb._native")]
pub(crate) struct RandomStream {
    seed: u64,
    #[pyo3(get, set)]
    stream: u64,
    #[pyo3(get, set)]
    counter: u64,
}

impl RandomStream {
    /// The highest bits of the next word; none of it if there are to be none.
    fn bits(&mut self, count: u64) -> u64 {
        if count == 0 {
            return 0;
        }
        let counter = self.counter;
        self.counter = counter.wrapping_add(1);
        random_u64(self.seed, self.stream, counter) >> (64 - count)
    }
}

#[pymethods]
impl RandomStream {
    #[new]
    fn new(seed: u64) -> Self {
        Self { seed, stream: 0, counter: 0 }
    }

    #[pyo3(signature = (stream, /))]
    fn rewind(&mut self, stream: u64) {
        self.stream = stream;
        self.counter = 0;
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn random(&mut self) -> f64 {
        self.bits(53) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    #[pyo3(signature = (count, /))]
    fn getrandbits<'py>(&mut self, py: Python<'py>, count: i64) -> PyResult<Bound<'py, PyAny>> {
        match count {
            ..0 => Err(PyValueError::new_err("number of bits must be non-negative")),
            0..=64 => Ok(self.bits(count.unsigned_abs()).into_pyobject(py)?.into_any()),
            _ => {
                let (words, rest) = (count / 64, count % 64);
                let mut bytes = self.bits(rest.unsigned_abs()).to_be_bytes().to_vec();
                for _ in 0..words {
                    bytes.extend(self.bits(64).to_be_bytes());
                }
                py.get_type::<PyInt>().call_method1("from_bytes", (PyBytes::new(py, &bytes), "big"))
            }
        }
    }

    #[pyo3(signature = (limit, /))]
    fn below<'py>(&mut self, limit: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = limit.py();
        if let Some(small) = limit.extract::<u64>().ok().filter(|&small| small <= SMALL) {
            let product = u128::from(self.bits(64)) * u128::from(small);
            let high = u64::try_from(product >> 64).unwrap_or_default();
            return Ok(high.into_pyobject(py)?.into_any());
        }
        let bits = limit.call_method0("bit_length")?.extract()?;
        loop {
            let drawn = self.getrandbits(py, bits)?;
            if drawn.lt(limit)? {
                return Ok(drawn);
            }
        }
    }
}
