//! Keys that let people and programs in.

use jiff::Timestamp;
use serde::Serialize;

use crate::{events::Role, id::TokenId};

/// A token as the store keeps it: without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its id, by which it is revoked.
    pub id: TokenId,
    /// Who it is for; the actor of what is done with it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// When it was made.
    pub created: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

/// A token just made: the only moment at which its secret is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// What the store keeps of it.
    pub token: Token,
    /// `stk_` and 64 hex digits: 256 random bits.
    pub secret: String,
}
