//! Times as certificates and signatures write them, as seconds since 1970 (RFC 5280, 4.1.2.5).

use std::time::{SystemTime, UNIX_EPOCH};

use super::der::{self, Element, Malformed};

const SECONDS_A_DAY: i64 = 86_400;

/// Seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |past| -past),
    }
}

/// Reads a `UTCTime` or a `GeneralizedTime`.
pub(super) fn read(element: &Element<'_>) -> Result<i64, Malformed> {
    let text = std::str::from_utf8(element.body).map_err(|_| Malformed)?;
    let digits = text.strip_suffix('Z').ok_or(Malformed)?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Malformed);
    }
    let (year, rest) = match element.tag {
        der::UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2).ok_or(Malformed)?;
            let year: i64 = year.parse().map_err(|_| Malformed)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        der::GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4).ok_or(Malformed)?;
            (year.parse().map_err(|_| Malformed)?, rest)
        }
        _ => return Err(Malformed),
    };
    let mut fields = [0_i64; 5];
    if rest.len() != 2 * fields.len() {
        return Err(Malformed);
    }
    for (number, field) in fields.iter_mut().enumerate() {
        let digits = rest.get(2 * number..2 * number + 2).ok_or(Malformed)?;
        *field = digits.parse().map_err(|_| Malformed)?;
    }
    let [month, day, hour, minute, second] = fields;
    if !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return Err(Malformed);
    }
    Ok(days(year, month, day) * SECONDS_A_DAY + hour * 3600 + minute * 60 + second)
}

/// Writes a time as DER wants it: a `UTCTime` until 2049, a `GeneralizedTime` from then on.
pub(super) fn written(seconds: i64) -> Vec<u8> {
    let (year, month, day) = date(seconds.div_euclid(SECONDS_A_DAY));
    let rest = seconds.rem_euclid(SECONDS_A_DAY);
    let clock = format!(
        "{month:02}{day:02}{:02}{:02}{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    );
    if (1950..2050).contains(&year) {
        let text = format!("{:02}{clock}", year % 100);
        return der::written(der::UTC_TIME, &[text.as_bytes()]);
    }
    let text = format!("{year:04}{clock}");
    der::written(der::GENERALIZED_TIME, &[text.as_bytes()])
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, by years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days`].
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(tag: u8, text: &str, expected: Option<i64>) {
        let bytes = der::written(tag, &[text.as_bytes()]);
        let element = der::Reader::new(&bytes).next().unwrap().unwrap();
        assert_eq!(read(&element).ok(), expected, "{text}");
    }

    #[test]
    fn both_forms_are_read() {
        check(der::UTC_TIME, "700101000000Z", Some(0));
        check(der::UTC_TIME, "250308120000Z", Some(1_741_435_200));
        check(der::UTC_TIME, "491231235959Z", Some(2_524_607_999));
        check(
            der::GENERALIZED_TIME,
            "20500101000000Z",
            Some(2_524_608_000),
        );
        check(
            der::GENERALIZED_TIME,
            "21250614213910Z",
            Some(4_905_610_750),
        );
        check(
            der::GENERALIZED_TIME,
            "00010101000000Z",
            Some(-62_135_596_800),
        );
        for text in [
            "",
            "Z",
            "2501010000Z",
            "250101000000",
            "251301000000Z",
            "2501010000 0Z",
        ] {
            check(der::UTC_TIME, text, None);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(time in -60_000_000_000_i64..250_000_000_000) {
            let bytes = written(time);
            let element = der::Reader::new(&bytes).next().unwrap().unwrap();
            prop_assert_eq!(read(&element), Ok(time));
        }
    }
}
