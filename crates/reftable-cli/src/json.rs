//! Records as JSON.

use reftable::hex::hex;
use reftable::record::RefValueBuf;
use reftable::{LogRecord, LogValue, RefRecord, RefValue};
use serde_json::{Value, json};

/// A name or another string of bytes: text if it is UTF-8, else an object with its digits.
pub(crate) fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "bytes": hex(bytes) }),
    }
}

/// A ref as an object of one line.
pub(crate) fn of_ref(record: &RefRecord<'_>) -> Value {
    let mut value = of_value(&record.value);
    if let Value::Object(map) = &mut value {
        map.insert("name".to_owned(), text(record.name));
        map.insert("update_index".to_owned(), json!(record.update_index));
    }
    value
}

/// The value of a ref.
pub(crate) fn of_value(value: &RefValue<'_>) -> Value {
    match value {
        RefValue::Deletion => json!({ "deleted": true }),
        RefValue::Object(id) => json!({ "id": hex(id) }),
        RefValue::Peeled { id, peeled } => json!({ "id": hex(id), "peeled": hex(peeled) }),
        RefValue::Symref(target) => json!({ "symref": text(target) }),
    }
}

/// The same for a value of its own.
pub(crate) fn of_value_buf(value: &RefValueBuf) -> Value {
    of_value(&value.as_value())
}

/// A reflog entry.
pub(crate) fn of_log(record: &LogRecord<'_>) -> Value {
    let (name, index) = (text(record.name), record.update_index);
    match &record.value {
        LogValue::Deletion => json!({ "name": name, "update_index": index, "deleted": true }),
        LogValue::Update(entry) => json!({
            "name": name,
            "update_index": index,
            "old": hex(entry.old_id),
            "new": hex(entry.new_id),
            "committer": { "name": text(entry.name), "email": text(entry.email) },
            "time": entry.time,
            "tz": entry.tz_offset,
            "message": text(entry.message),
        }),
    }
}
