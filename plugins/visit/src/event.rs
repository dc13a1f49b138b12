//! A work order as a calendar's event, and the event that calls it off.

use jiff::Timestamp;
use recoup_channel::ChannelError;
use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{
    Attachment, CancelRequest, Collector, Destination, PostalAddress, SendRequest, destination,
};

use crate::guard::amount_in;
use crate::ical::{Lines, quoted};

/// The event of a new work order.
pub(crate) fn order(
    request: &SendRequest,
    domain: &str,
    now_unix_ms: i64,
) -> Result<String, ChannelError> {
    let destination = request.destination.clone().unwrap_or_default();
    let place = place(&destination).ok_or_else(|| {
        ChannelError::permanent(
            "the destination is no place with address lines; this channel takes `postal`",
        )
    })?;
    let (subject, body, attachments) = match &request.content {
        Some(Content::Debtor(message)) => {
            (&message.subject, &message.body, &message.attachments[..])
        }
        Some(Content::ThirdParty(message)) => (&message.subject, &message.body, &[][..]),
        None => return Err(ChannelError::permanent("the work order has no text")),
    };
    let title = title(subject, &destination);
    if let Some(mark) = amount_in(title).or_else(|| amount_in(body)) {
        return Err(ChannelError::permanent(format!(
            "the work order's text names an amount of money (at `{mark}`); calendars sync to \
             private phones: leave amounts out of the template"
        )));
    }
    let mut event = Lines::default();
    let window = Window {
        from_unix_ms: request.effect_from_unix_ms,
        to_unix_ms: request.effect_to_unix_ms,
    };
    begin(
        &mut event,
        &uid(&request.idempotency_key, domain),
        now_unix_ms,
        window,
    )?;
    event
        .raw("SEQUENCE", "0")
        .raw("STATUS", "CONFIRMED")
        .text("SUMMARY", title);
    if !body.is_empty() {
        event.text("DESCRIPTION", body);
    }
    locate(&mut event, place);
    attend(&mut event, &request.collectors);
    for attachment in attachments {
        attach(&mut event, attachment)?;
    }
    Ok(end(&mut event))
}

/// The same event, called off.
pub(crate) fn cancelled(
    request: &CancelRequest,
    domain: &str,
    now_unix_ms: i64,
) -> Result<String, ChannelError> {
    let destination = request.destination.clone().unwrap_or_default();
    let mut event = Lines::default();
    let window = Window {
        from_unix_ms: request.effect_from_unix_ms,
        to_unix_ms: request.effect_to_unix_ms,
    };
    begin(
        &mut event,
        &uid(&request.idempotency_key, domain),
        now_unix_ms,
        window,
    )?;
    // The first version was 0, and a work order is changed by nothing but its cancel.
    event.raw("SEQUENCE", "1").raw("STATUS", "CANCELLED");
    event.text("SUMMARY", title(&request.subject, &destination));
    if let Some(place) = place(&destination) {
        locate(&mut event, place);
    }
    attend(&mut event, &request.collectors);
    Ok(end(&mut event))
}

/// `key@domain`: what the calendar and its peers know the work order by.
pub(crate) fn uid(key: &str, domain: &str) -> String {
    format!("{key}@{domain}")
}

fn title<'a>(subject: &'a str, destination: &'a Destination) -> &'a str {
    [subject, &destination.display_name]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or("Visit")
}

fn place(destination: &Destination) -> Option<&PostalAddress> {
    match &destination.to {
        Some(destination::To::Postal(place)) if !place.lines.is_empty() => Some(place),
        _ => None,
    }
}

/// When the visit may be made.
#[derive(Clone, Copy)]
struct Window {
    from_unix_ms: i64,
    to_unix_ms: i64,
}

fn begin(
    event: &mut Lines,
    uid: &str,
    now_unix_ms: i64,
    window: Window,
) -> Result<(), ChannelError> {
    // A calendar knows seconds: never wider than the window.
    let from = window.from_unix_ms.saturating_add(999).div_euclid(1000);
    let to = window.to_unix_ms.div_euclid(1000);
    if window.from_unix_ms <= 0 || to <= from {
        return Err(ChannelError::permanent(
            "a visit needs an effect window of a second or more, with a start and an end",
        ));
    }
    event
        .raw("BEGIN", "VCALENDAR")
        .raw("VERSION", "2.0")
        .raw("PRODID", "-//recoup//visit//EN")
        .raw("BEGIN", "VEVENT")
        .text("UID", uid)
        .raw("DTSTAMP", &utc(now_unix_ms.div_euclid(1000))?)
        .raw("DTSTART", &utc(from)?)
        .raw("DTEND", &utc(to)?)
        .raw("CLASS", "PRIVATE");
    Ok(())
}

fn end(event: &mut Lines) -> String {
    event.raw("END", "VEVENT").raw("END", "VCALENDAR").finish()
}

fn utc(unix_s: i64) -> Result<String, ChannelError> {
    let instant = Timestamp::from_second(unix_s).map_err(|error| {
        ChannelError::permanent(format!("{unix_s} s is no instant of a calendar: {error}"))
    })?;
    Ok(instant.strftime("%Y%m%dT%H%M%SZ").to_string())
}

fn locate(event: &mut Lines, place: &PostalAddress) {
    let rest = [
        &place.locality,
        &place.region,
        &place.postal_code,
        &place.country,
    ];
    let parts: Vec<&str> = place
        .lines
        .iter()
        .chain(rest)
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    event.text("LOCATION", &parts.join(", "));
    if let (Some(latitude), Some(longitude)) = (place.latitude_e7, place.longitude_e7) {
        event.raw(
            "GEO",
            &format!("{};{}", degrees(latitude), degrees(longitude)),
        );
    }
}

/// Degrees times 10^7 as a decimal number.
fn degrees(e7: i32) -> String {
    let sign = if e7 < 0 { "-" } else { "" };
    let size = e7.unsigned_abs();
    format!("{sign}{}.{:07}", size / 10_000_000, size % 10_000_000)
}

fn attend(event: &mut Lines, collectors: &[Collector]) {
    for collector in collectors {
        let id: String = percent_encoding::utf8_percent_encode(
            &collector.id,
            percent_encoding::NON_ALPHANUMERIC,
        )
        .collect();
        let named = Some(&collector.display_name).filter(|name| !name.is_empty());
        let name = quoted(named.unwrap_or(&collector.id));
        let line = format!("ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;CN={name}");
        event.raw(&line, &format!("urn:x-recoup:collector:{id}"));
    }
}

/// The file by its hash; its bytes stay with the lender.
fn attach(event: &mut Lines, attachment: &Attachment) -> Result<(), ChannelError> {
    if attachment.sha256.len() != 32 {
        return Err(ChannelError::permanent(format!(
            "attachment `{}`: its SHA-256 is not 32 bytes",
            attachment.name
        )));
    }
    let sha256: String = attachment
        .sha256
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let in_type = |c: char| c.is_ascii_alphanumeric() || "/+-._".contains(c);
    let media_type: String = attachment
        .media_type
        .chars()
        .filter(|c| in_type(*c))
        .collect();
    let line = format!(
        "ATTACH;FMTTYPE={media_type};FILENAME={};X-SHA256={sha256}",
        quoted(&attachment.name)
    );
    event.raw(&line, &format!("urn:sha256:{sha256}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_keep_their_digits() {
        for (e7, want) in [
            (399_042_000, "39.9042000"),
            (-5, "-0.0000005"),
            (0, "0.0000000"),
        ] {
            assert_eq!(degrees(e7), want);
        }
        assert_eq!(degrees(i32::MIN), "-214.7483648");
    }

    #[test]
    fn the_event_is_never_wider_than_the_window() {
        let mut event = Lines::default();
        let window = Window {
            from_unix_ms: 1_795_485_600_001,
            to_unix_ms: 1_795_489_200_999,
        };
        begin(&mut event, "u", 0, window).expect("a window");
        let text = event.finish();
        assert!(
            text.contains("DTSTART:20261124T020001Z\r\nDTEND:20261124T030000Z"),
            "{text}"
        );
        for (from_unix_ms, to_unix_ms) in [(0, 0), (0, 9), (5000, 5000), (5000, 0), (1, i64::MAX)] {
            let window = Window {
                from_unix_ms,
                to_unix_ms,
            };
            assert!(
                begin(&mut Lines::default(), "u", 0, window).is_err(),
                "{from_unix_ms}"
            );
        }
    }
}
