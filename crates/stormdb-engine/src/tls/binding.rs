//! Channel binding of type `tls-server-end-point`.
//!
//! Source: RFC 5929, section 4.1.

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use spki::der::asn1::{AnyRef, BitStringRef, ContextSpecific};
use spki::der::{Decode, Reader, SliceReader, TagNumber};
use spki::{AlgorithmIdentifierRef, ObjectIdentifier};

const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// Hash of a certificate by the hash of its signature; MD5 and SHA-1 are replaced by SHA-256.
/// `None` if the signature has no hash of its own.
pub(super) fn server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = signature_algorithm(certificate).ok()?;
    let hash = if algorithm.oid == RSASSA_PSS { pss_hash(&algorithm)? } else { algorithm.oid };
    Some(match hash.to_string().as_str() {
        // MD5, SHA-1 and SHA-256: alone, with RSA, with ECDSA.
        "1.2.840.113549.2.5"
        | "1.2.840.113549.1.1.4"
        | "1.3.14.3.2.26"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.10045.4.1"
        | "2.16.840.1.101.3.4.2.1"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.3.2" => Sha256::digest(certificate).to_vec(),
        "2.16.840.1.101.3.4.2.4" | "1.2.840.113549.1.1.14" | "1.2.840.10045.4.3.1" => {
            Sha224::digest(certificate).to_vec()
        }
        "2.16.840.1.101.3.4.2.2" | "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => {
            Sha384::digest(certificate).to_vec()
        }
        "2.16.840.1.101.3.4.2.3" | "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => {
            Sha512::digest(certificate).to_vec()
        }
        _ => return None,
    })
}

/// A certificate is a sequence of its content, the algorithm of its signature, and the signature.
fn signature_algorithm(certificate: &[u8]) -> spki::der::Result<AlgorithmIdentifierRef<'_>> {
    SliceReader::new(certificate)?.sequence(|reader| {
        AnyRef::decode(reader)?;
        let algorithm = AlgorithmIdentifierRef::decode(reader)?;
        BitStringRef::decode(reader)?;
        Ok(algorithm)
    })
}

/// The hash is the first of the parameters; without it, it is SHA-1.
fn pss_hash(algorithm: &AlgorithmIdentifierRef<'_>) -> Option<ObjectIdentifier> {
    let sha1 = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
    let Some(parameters) = algorithm.parameters else { return Some(sha1) };
    let mut reader = SliceReader::new(parameters.value()).ok()?;
    let hash =
        ContextSpecific::<AlgorithmIdentifierRef<'_>>::decode_explicit(&mut reader, TagNumber(0))
            .ok()?;
    Some(hash.map_or(sha1, |hash| hash.value.oid))
}
