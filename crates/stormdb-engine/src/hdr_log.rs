//! The standard HdrHistogram interval log, as text: one line per interval and tag.

use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::histogram::{HIGHEST_TIME_NS, Histogram};

/// Writes a log piece by piece into memory; the caller takes the pieces to a file.
#[derive(Debug)]
pub struct HdrLog {
    text: Vec<u8>,
}

impl HdrLog {
    /// A log whose lines count from `start_unix_ns` (wall clock), with `comment` in its head.
    ///
    /// # Panics
    /// Never: a vector takes all text.
    #[must_use]
    pub fn new(start_unix_ns: u64, comment: &str) -> Self {
        let start = UNIX_EPOCH + Duration::from_nanos(start_unix_ns);
        let mut head = IntervalLogWriterBuilder::new();
        head.add_comment("[Histogram log format version 1.3]");
        for line in comment.lines() {
            head.add_comment(line);
        }
        head.add_comment("times of the histograms, and the maximum in each line, are nanoseconds");
        head.with_start_time(start).with_base_time(start);
        let mut text = Vec::new();
        let _ = head
            .begin_log_with(&mut text, &mut V2DeflateSerializer::new())
            .expect("a vector takes all text");
        Self { text }
    }

    /// Appends a line. What a tag may not hold (comma, white space) becomes `_`.
    ///
    /// # Panics
    /// Never: the tag is made fit and a vector takes all text.
    pub fn add(&mut self, tag: &str, start_ns: u64, end_ns: u64, histogram: &Histogram) {
        let tag = tag.replace(|c: char| c == ',' || c.is_whitespace(), "_");
        let start = Duration::from_nanos(start_ns);
        let length = Duration::from_nanos(end_ns.saturating_sub(start_ns));
        let mut serializer = V2DeflateSerializer::new();
        let mut writer = IntervalLogWriterBuilder::new()
            .begin_log_with(&mut self.text, &mut serializer)
            .expect("a vector takes all text");
        writer
            .write_histogram(&standard(histogram), start, length, Tag::new(&tag))
            .expect("a vector takes all text");
    }

    /// What was written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }
}

/// The same counts in the library's form.
fn standard(histogram: &Histogram) -> hdrhistogram::Histogram<u64> {
    let mut standard = hdrhistogram::Histogram::new_with_bounds(1, HIGHEST_TIME_NS, 3)
        .expect("the bounds are constants");
    for bucket in histogram.buckets() {
        standard.record_n(bucket.low_ns, bucket.count).expect("all buckets are within the bounds");
    }
    standard
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine};
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;

    #[test]
    fn the_library_reads_the_log_back() {
        let mut histogram = Histogram::default();
        histogram.record_n(1_000_000, 3).unwrap();
        let mut log = HdrLog::new(1_700_000_000_500_000_000, "stormdb");
        log.add("pay, now:response_time", 1_000_000_000, 2_500_000_000, &histogram);
        let mut text = log.take();
        log.add("empty", 0, 1, &Histogram::default());
        text.extend(log.take());

        let entries: Vec<_> = IntervalLogIterator::new(&text).map(Result::unwrap).collect();
        let [LogEntry::StartTime(start), LogEntry::BaseTime(base), first, _empty] = &entries[..]
        else {
            panic!("{entries:?}");
        };
        assert_eq!((start, base), (&Duration::from_millis(1_700_000_000_500), start));
        let LogEntry::Interval(line) = first else { panic!("{first:?}") };
        assert_eq!(line.tag().map(|tag| tag.as_str()), Some("pay__now:response_time"));
        assert_eq!(line.start_timestamp(), Duration::from_secs(1));
        assert_eq!(line.duration(), Duration::from_millis(1500));
        let bytes = BASE64_STANDARD.decode(line.encoded_histogram()).unwrap();
        let read: hdrhistogram::Histogram<u64> =
            Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
        assert_eq!(read, standard(&histogram));
        assert_eq!(Histogram::decode_v2(&bytes).unwrap(), histogram);
    }
}
