//! Paths in JSON that may be no text: a string where they are, else their bytes.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    match path.to_str() {
        Some(text) => text.serialize(serializer),
        None => path.as_os_str().as_bytes().serialize(serializer),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Bytes(Vec<u8>),
    }
    Ok(PathBuf::from(match Written::deserialize(deserializer)? {
        Written::Text(text) => OsString::from(text),
        Written::Bytes(bytes) => OsString::from_vec(bytes),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Named {
        #[serde(with = "crate::path_text")]
        path: PathBuf,
    }

    #[test]
    fn a_path_travels_whatever_its_bytes() {
        for (bytes, json) in
            [(&b"/a \xC3\xA9\n"[..], r#"{"path":"/a é\n"}"#), (b"/\xFF", r#"{"path":[47,255]}"#)]
        {
            let named = Named { path: std::ffi::OsStr::from_bytes(bytes).into() };
            let written = serde_json::to_string(&named).expect("it can be written");
            assert_eq!(written, json);
            let read: Named = serde_json::from_str(&written).expect("it can be read");
            assert_eq!(read.path, named.path);
        }
    }
}
