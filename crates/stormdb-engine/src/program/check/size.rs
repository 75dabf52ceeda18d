//! How much a program holds, told before any of it takes memory.

/// Count the values of msgpack. Where it is malformed the number means nothing: the reader refuses it.
pub(super) fn count_values(bytes: &[u8]) -> usize {
    let (mut rest, mut count) = (bytes, 0);
    while let Some((&marker, behind)) = rest.split_first() {
        count += 1;
        rest = behind.get(content_bytes(marker, behind)..).unwrap_or_default();
    }
    count
}

/// Bytes that belong to the value itself; elements of arrays and maps are values of their own.
fn content_bytes(marker: u8, behind: &[u8]) -> usize {
    let with_length = |width: usize| {
        let length = behind.iter().take(width).fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        width + length
    };
    match marker {
        0xA0..=0xBF => usize::from(marker & 0x1F),
        0xC4 | 0xD9 => with_length(1),
        0xC5 | 0xDA => with_length(2),
        0xC6 | 0xDB => with_length(4),
        0xCC | 0xD0 => 1,
        0xCD | 0xD1 | 0xDC | 0xDE => 2,
        0xCA | 0xCE | 0xD2 | 0xDD | 0xDF => 4,
        0xCB | 0xCF | 0xD3 => 8,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::ir::Constant;

    #[test]
    fn values_of_every_kind_are_counted_once() {
        let bytes = |length| Constant::Bytes(vec![0; length].into());
        let text = |length| Constant::Text("x".repeat(length));
        let numbers = [0, 100, 200, 60_000, 1 << 20, 1 << 40, -5, -100, -1000, -100_000, i64::MIN];
        let mut values: Vec<_> = numbers.map(Constant::Int).into();
        values.extend([0, 31, 32, 255, 256, 65_535, 65_536].map(text));
        values.extend([0, 255, 256, 65_536].map(bytes));
        values.extend([Constant::Null, Constant::Bool(true), Constant::Float(0.1)]);
        values.extend([1, 16, 70_000].map(|length| Constant::Array(vec![Constant::Null; length])));
        let encoded = rmp_serde::to_vec_named(&values).unwrap();
        assert_eq!(count_values(&encoded), 1 + values.len() + 1 + 16 + 70_000);
        let named = rmp_serde::to_vec_named(&std::collections::BTreeMap::from([("a", 1)])).unwrap();
        assert_eq!(count_values(&named), 3);
        assert_eq!(count_values(&encoded[..encoded.len() - 7]), 1 + values.len() + 70_010);
    }
}
