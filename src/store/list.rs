//! A list in object storage.

use crate::roster::{RemoteError, RemoteIdentity, RemoteList, RemoteStream};

use super::ObjectUrl;

/// A list in object storage, with whose credentials it is read.
#[derive(Debug, Clone)]
pub struct ObjectList {
    url: ObjectUrl,
    #[cfg_attr(
        not(feature = "s3"),
        expect(dead_code, reason = "without the feature nothing is read")
    )]
    profile: Option<String>,
}

impl ObjectList {
    /// The list at this address, with the credentials of this profile or, without it, of the
    /// environment.
    #[must_use]
    pub fn new(url: ObjectUrl, profile: Option<String>) -> Self {
        Self { url, profile }
    }
}

impl RemoteList for ObjectList {
    fn name(&self) -> String {
        self.url.to_string()
    }

    #[cfg(feature = "s3")]
    fn open(&self) -> Result<RemoteStream, RemoteError> {
        super::download::open(self.url.clone(), self.profile.clone())
    }

    #[cfg(not(feature = "s3"))]
    fn open(&self) -> Result<RemoteStream, RemoteError> {
        Err(super::not_built())
    }

    #[cfg(feature = "s3")]
    fn identity(&self) -> Result<RemoteIdentity, RemoteError> {
        super::download::identity(self.url.clone(), self.profile.clone())
    }

    #[cfg(not(feature = "s3"))]
    fn identity(&self) -> Result<RemoteIdentity, RemoteError> {
        Err(super::not_built())
    }
}

#[cfg(all(test, not(feature = "s3")))]
mod tests {
    use super::*;

    #[test]
    fn without_the_feature_a_list_in_s3_is_refused_with_a_hint() {
        let url = "s3://lists/may.csv".parse().unwrap();
        let list = ObjectList::new(url, None);
        let error = list.open().err().unwrap();
        assert!(error.is_usage);
        assert_eq!(error.what, "S3 is not built into this program");
        assert!(error.hint.contains("the feature `s3`"));
        assert_eq!(list.identity().err().unwrap(), error);
    }
}
