//! A server with prepared answers of Service Quotas.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it answers to an operation: a status and a body.
pub(crate) type QuotaReply = (u16, String);

/// No answer: the connection stays open.
pub(crate) const SILENCE: QuotaReply = (0, String::new());

/// A running server. It ends with the process.
pub(crate) struct QuotaServer {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl QuotaServer {
    /// Starts one. `reply` receives the operation and the body of each request.
    pub(crate) fn start(reply: impl Fn(&str, &str) -> QuotaReply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (reply, log) = (Arc::new(reply), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (reply, log) = (Arc::clone(&reply), Arc::clone(&log));
                std::thread::spawn(move || {
                    while let Some((operation, region, body)) = request(&stream) {
                        log.lock()
                            .unwrap()
                            .push(format!("{operation} {region} {body}"));
                        let (status, body) = reply(&operation, &body);
                        if (status, body.as_str()) == (0, "") {
                            continue;
                        }
                        let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}", body.len());
                        let kind = "content-type: application/x-amz-json-1.1";
                        let answer = format!("{head}\r\n{kind}\r\n\r\n{body}");
                        (&stream).write_all(answer.as_bytes()).unwrap();
                    }
                });
            }
        });
        Self { url, asked }
    }

    /// The requests so far: operation, region and body.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The operation, the region and the body of the next request.
fn request(stream: &TcpStream) -> Option<(String, String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut operation, mut region, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "x-amz-target" => operation = value.split('.').nth(1).unwrap().to_owned(),
            "authorization" => region = value.split('/').nth(2).unwrap().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((operation, region, String::from_utf8(body).unwrap()))
}

/// An answer with a figure.
pub(crate) fn quota(value: &str, body: &str) -> QuotaReply {
    let rate = r#","Period":{"PeriodValue":1,"PeriodUnit":"SECOND"}"#;
    let (code, period) = if body.contains("L-A92E8EF9") {
        ("L-A92E8EF9", rate)
    } else {
        ("L-9A2511FF", "")
    };
    let quota = format!(r#"{{"QuotaCode":"{code}","Value":{value},"Unit":"None"{period}}}"#);
    (200, format!(r#"{{"Quota":{quota}}}"#))
}

/// A refusal with an exception.
pub(crate) fn refused(exception: &str) -> QuotaReply {
    let body = format!(r#"{{"__type":"{exception}","Message":"no"}}"#);
    (400, body)
}
