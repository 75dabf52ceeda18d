//! Python binding of stormdb's engine. It converts types and holds no logic.
#![allow(unsafe_code)] // PyO3's macros expand to it; nothing here writes any.

use pyo3::prelude::*;

/// The native part of stormdb.
#[pymodule]
mod _native {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
