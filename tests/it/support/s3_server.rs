//! An S3 server on files: `s3s` checks the signatures and speaks the protocol, `s3s-fs` keeps objects
//! and parts. What `s3s-fs` lacks is added here: conditions, versions, denials, regions.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use hyper_util::rt::TokioIo;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    PutObjectInput, PutObjectOutput, UploadPartInput, UploadPartOutput,
};
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// The id of the access key that the server knows.
pub(crate) const KEY_ID: &str = "AKIDOFTHETESTS";
/// Its secret.
pub(crate) const SECRET: &str = "secret-of-the-tests";
/// The bucket that exists.
pub(crate) const BUCKET: &str = "lists";

/// What the server does, and what it was asked.
#[derive(Default)]
struct State {
    /// Requests: the operation and the key.
    requests: Vec<String>,
    /// Requests without a signature.
    unsigned: usize,
    /// The code with which operations of this name are refused.
    refused: HashMap<&'static str, &'static str>,
    /// The current version of each key; empty without versions.
    versions: HashMap<String, String>,
    /// An object that replaces another as soon as that is read: its path and its content.
    ignores_conditions: bool,
    replacement: Option<(PathBuf, Vec<u8>)>,
    /// The region of the bucket; any without one.
    region: Option<&'static str>,
    /// Multipart uploads that are begun, and neither completed nor aborted.
    open_uploads: i64,
    /// Multipart uploads that were completed.
    multipart: usize,
}

/// A running server; it ends when this is dropped.
pub(crate) struct S3Server {
    root: TempDir,
    state: Arc<Mutex<State>>,
    pub(crate) address: std::net::SocketAddr,
    _runtime: Runtime,
}

impl S3Server {
    pub(crate) fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(BUCKET)).unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let objects = Objects {
            files: FileSystem::new(root.path()).unwrap(),
            state: Arc::clone(&state),
        };
        let mut builder = S3ServiceBuilder::new(objects);
        let mut keys = SimpleAuth::from_single(KEY_ID, SECRET);
        // Those of a sandbox of Chime, beside which the server may run.
        keys.register("sandbox".to_owned(), "sandbox".into());
        builder.set_auth(keys);
        builder.set_access(Gate(Arc::clone(&state)));
        let service = builder.build();
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service.clone());
                // A connection that breaks is the business of its client.
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Self {
            root,
            state,
            address,
            _runtime: runtime,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.path().join(BUCKET).join(key)
    }

    /// Makes or replaces an object.
    pub(crate) fn put(&self, key: &str, content: impl AsRef<[u8]>) {
        let path = self.path(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The content of an object, if there is one.
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.path(key)).ok()
    }

    pub(crate) fn remove(&self, key: &str) {
        std::fs::remove_file(self.path(key)).unwrap();
    }

    /// Gives an object a version.
    pub(crate) fn set_version(&self, key: &str, version: &str) {
        let versions = &mut self.state().versions;
        versions.insert(key.to_owned(), version.to_owned());
    }

    /// From now on, refuses operations of this name with this code.
    pub(crate) fn refuse(&self, operation: &'static str, code: &'static str) {
        self.state().refused.insert(operation, code);
    }

    /// From now on, refuses nothing.
    pub(crate) fn recover(&self) {
        self.state().refused.clear();
    }

    /// Replaces an object as soon as somebody reads it, who still receives the old content.
    pub(crate) fn replace_once_read(&self, key: &str, content: impl Into<Vec<u8>>) {
        self.state().replacement = Some((self.path(key), content.into()));
    }

    /// From now on ignores `If-Match`, as a cache or a simple server does.
    pub(crate) fn ignore_conditions(&self) {
        self.state.lock().unwrap().ignores_conditions = true;
    }

    pub(crate) fn set_region(&self, region: &'static str) {
        self.state().region = Some(region);
    }

    /// The requests so far, as operation and key.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    pub(crate) fn open_uploads(&self) -> i64 {
        self.state().open_uploads
    }

    pub(crate) fn multipart_uploads(&self) -> usize {
        self.state().multipart
    }

    /// Lets a command use this server, with its credentials.
    pub(crate) fn serve(&self, mut command: Command) -> Command {
        command
            .env("AWS_ENDPOINT_URL_S3", format!("http://{}", self.address))
            .env("AWS_ACCESS_KEY_ID", KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_REGION", "eu-central-1");
        command
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.state().unsigned, 0, "a request was not signed");
        }
    }
}

/// Denies what is not signed, and what is signed for another region.
struct Gate(Arc<Mutex<State>>);

#[async_trait]
impl S3Access for Gate {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let mut state = self.0.lock().unwrap();
        let operation = context.s3_op().name();
        let key = context.s3_path().as_object().map_or("", |(_, key)| key);
        state.requests.push(format!("{operation} {key}"));
        if context.credentials().is_none() {
            state.unsigned += 1;
            return Err(s3_error!(AccessDenied));
        }
        let signed = context.headers().get("authorization");
        let signed = signed
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if let Some(region) = state.region
            && !signed.contains(&format!("/{region}/s3/"))
        {
            let code = S3ErrorCode::AuthorizationHeaderMalformed;
            let mut error = S3Error::with_message(code, "the region is wrong");
            let mut headers = hyper::HeaderMap::new();
            headers.insert("x-amz-bucket-region", region.parse().unwrap());
            error.set_headers(headers);
            return Err(error);
        }
        match state.refused.get(operation) {
            None => Ok(()),
            Some(code) => {
                let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap();
                let mut error = S3Error::with_message(code, format!("refused to {KEY_ID}"));
                if error.status_code().is_none() {
                    error.set_status_code(hyper::StatusCode::BAD_REQUEST);
                }
                Err(error)
            }
        }
    }
}

/// The objects.
struct Objects {
    files: FileSystem,
    state: Arc<Mutex<State>>,
}

impl Objects {
    /// The version of an object. An error if another is asked for: only the current one is kept.
    fn version(&self, key: &str, asked: Option<&String>) -> S3Result<Option<String>> {
        let version = self.state.lock().unwrap().versions.get(key).cloned();
        if asked.is_some() && asked != version.as_ref() {
            return Err(s3_error!(NoSuchVersion));
        }
        Ok(version)
    }
}

#[async_trait]
impl S3 for Objects {
    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = &request.input;
        if input.bucket != BUCKET {
            return Err(s3_error!(NoSuchBucket));
        }
        let version = self.version(&input.key, input.version_id.as_ref())?;
        let condition = input.if_match.clone();
        let mut response = self.files.get_object(request).await?;
        if let Some((path, content)) = self.state.lock().unwrap().replacement.take() {
            // Renamed, so that the file that is open keeps its content.
            let new = path.with_extension("new");
            std::fs::write(&new, content).unwrap();
            std::fs::rename(new, path).unwrap();
        }
        if !self.state.lock().unwrap().ignores_conditions
            && let Some(ETagCondition::ETag(wanted)) = condition
            && response.output.e_tag.as_ref() != Some(&wanted)
        {
            return Err(s3_error!(PreconditionFailed));
        }
        response.output.version_id = version;
        Ok(response)
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let version = self.version(&request.input.key, request.input.version_id.as_ref())?;
        let mut response = self.files.head_object(request).await?;
        response.output.version_id = version;
        Ok(response)
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        self.files.put_object(request).await
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.state.lock().unwrap().open_uploads += 1;
        self.files.create_multipart_upload(request).await
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.files.upload_part(request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let completed = self.files.complete_multipart_upload(request).await?;
        let mut state = self.state.lock().unwrap();
        state.open_uploads -= 1;
        state.multipart += 1;
        Ok(completed)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.state.lock().unwrap().open_uploads -= 1;
        self.files.abort_multipart_upload(request).await
    }
}
