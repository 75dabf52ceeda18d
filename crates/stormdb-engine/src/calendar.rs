//! Dates and times of day in the Gregorian calendar: as ISO 8601 writes them, or with a Julian day
//! instead of the date, as PostgreSQL reads them, too.

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;
/// Julian day of 1970-01-01.
const JULIAN_1970: i64 = 2_440_588;
/// Last Julian day that PostgreSQL has, in the year 5874898.
const JULIAN_LAST: i64 = i32::MAX as i64;

/// A text that is read from the left.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// A number of so many digits, or of fewer down to the least.
    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let count = self.0.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let number = digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
        (count >= least).then_some(number)
    }

    /// The next byte, if it is one of these.
    fn one_of(&mut self, allowed: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        allowed.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    /// Days since 1970.
    fn date(&mut self) -> Option<i64> {
        if self.one_of(b"Jj").is_some() {
            let day = self.digits(1, 10).filter(|day| *day <= JULIAN_LAST)?;
            return Some(day - JULIAN_1970);
        }
        let year = self.digits(4, 4)?;
        self.one_of(b"-")?;
        let month = self.digits(1, 2)?;
        self.one_of(b"-")?;
        let day = self.digits(1, 2)?;
        let is_sound =
            year > 0 && (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day);
        is_sound.then(|| days_of(year, month, day))
    }

    /// Microseconds after midnight; 24:00 is the end of the day.
    fn time(&mut self) -> Option<i64> {
        let hour = self.digits(1, 2)?;
        self.one_of(b":")?;
        let minute = self.digits(1, 2)?;
        let second = if self.one_of(b":").is_some() { self.digits(1, 2)? } else { 0 };
        let mut microsecond = 0;
        if self.one_of(b".").is_some() {
            let mut weight = 100_000;
            while let Some(digit) = self.one_of(b"0123456789") {
                microsecond += weight * i64::from(digit - b'0');
                weight /= 10;
            }
        }
        let time_us = ((hour * 60 + minute) * 60 + second) * 1_000_000 + microsecond;
        (minute < 60 && second < 60 && time_us <= DAY_US).then_some(time_us)
    }

    /// Microseconds that local time is ahead of UTC; nothing means UTC.
    fn offset(&mut self) -> Option<i64> {
        if self.one_of(b"Zz").is_some() || self.0.is_empty() {
            return Some(0);
        }
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.digits(2, 2)?;
        let has_minutes = self.one_of(b":").is_some() || !self.0.is_empty();
        let minutes = if has_minutes { self.digits(2, 2)? } else { 0 };
        (hours < 16 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000_000)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Days since 1970-01-01 of a date such as `2024-05-31`, from the year 1 to 9999, or `J2460462`.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let mut reader = Reader(text.trim().as_bytes());
    let days = reader.date()?;
    reader.end()?;
    Some(days)
}

/// Microseconds since 1970-01-01 00:00 UTC of a time such as `2024-05-31 12:00:00.5+02`. The time
/// of day, its seconds and the offset may be left out.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let mut reader = Reader(text.trim().as_bytes());
    let days = reader.date()?;
    let mut time_us = 0;
    if reader.one_of(b" Tt").is_some() {
        time_us = reader.time()? - reader.offset()?;
    }
    reader.end()?;
    Some(days * DAY_US + time_us)
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date.
///
/// Source: Hinnant, chrono-Compatible Low-Level Date Algorithms (`days_from_civil`).
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the day that some lack is their last.
    let year = if month > 2 { year } else { year - 1 };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_days_have_their_numbers() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("2000-01-01", 10_957),
            ("2000-02-29", 11_016),
            ("1969-12-31", -1),
            ("0001-01-01", -719_162),
            ("9999-12-31", 2_932_896),
            ("J2440588", 0),
            ("J2451545", 10_957),
            ("J0", -2_440_588),
        ] {
            assert_eq!(parse_date(text), Some(days), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "24-01-01",
            "0000-01-01",
            "J",
            "J9999999999",
            "",
            "x",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        assert_eq!(parse_date("2024-01-01 00:00"), None);
    }

    #[test]
    fn times_have_optional_parts_and_offsets() {
        for (text, at_us) in [
            ("1970-01-01", 0),
            ("1970-01-01 00:01", 60_000_000),
            ("1970-01-01T00:00:01.5Z", 1_500_000),
            ("1970-01-01 02:00:00+02", 0),
            ("1970-01-01 00:00:00-0130", 5_400_000_000),
            ("1970-01-01 00:00:00.1234567+00:00", 123_456),
            ("1970-01-01 24:00", DAY_US),
            ("J2440588 1:2:3.000004+00", 3_723_000_004),
        ] {
            assert_eq!(parse_timestamp(text), Some(at_us), "{text}");
        }
        for text in ["1970-01-01 25:00", "1970-01-01 00:60", "1970-01-01 00:00+", "1970-01-01x"] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn each_day_of_eight_hundred_years_has_the_next_number() {
        let mut expected = parse_date("1600-01-01").unwrap();
        for year in 1600..2400 {
            for month in 1..=12 {
                for day in 1..=month_days(year, month) {
                    let text = format!("{year:04}-{month:02}-{day:02}");
                    assert_eq!(parse_date(&text), Some(expected), "{text}");
                    expected += 1;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text: String) {
            parse_timestamp(&text);
            parse_date(&text);
        }
    }
}
