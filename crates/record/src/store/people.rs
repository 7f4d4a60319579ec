//! Tokens and the taxonomy.

use std::io::Read;

use rusqlite::{OptionalExtension, Row};
use serde_json::json;

use super::{Change, Store, lock, writer::Transaction};
use crate::{
    blobs::Sha256Hex,
    error::RecordError,
    events::{Actor, Role},
    id::TokenId,
    taxonomy::{StructureType, default_structure_types},
    token::{NewToken, Token, person_name},
};

const SECRET_PREFIX: &str = "stk_";
const SECRET_BYTES: usize = 32;

impl Store {
    /// Makes a token. Its secret is told once; the store keeps its SHA-256, which is enough for a
    /// secret of 256 random bits.
    ///
    /// # Errors
    /// When the role of the actor is less than admin, or the name is none of a person ([`person_name`]).
    pub fn create_token(&self, actor: &Actor, name: &str, role: Role) -> Result<NewToken, RecordError> {
        actor.must_be(Role::Admin, "making a token")?;
        let name = &person_name(name)?;
        let secret = random_secret()?;
        self.write(|transaction| {
            let change = Change::begin(transaction, actor);
            let token = Token {
                id: TokenId::random(),
                name: name.clone(),
                role,
                created: change.time,
                revoked: None,
            };
            change.event(&format!("token/{}", token.id), "token.created", &json!(token))?;
            transaction
                .prepare_cached(
                    "INSERT INTO token (id, name, role, hash, created) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((
                    token.id.as_str(),
                    name,
                    role.as_str(),
                    Sha256Hex::of(secret.as_bytes()).as_str(),
                    token.created.to_string(),
                ))?;
            Ok(NewToken { token, secret })
        })
    }

    /// Tokens in the order in which they were made, revoked ones among them.
    ///
    /// # Errors
    /// When the database fails.
    pub fn tokens(&self) -> Result<Vec<Token>, RecordError> {
        let reader = self.read()?;
        let mut statement =
            reader.prepare_cached("SELECT id, name, role, created, revoked FROM token ORDER BY id")?;
        let rows = statement.query_map([], token_row)?.collect::<Result<Vec<_>, _>>()?;
        rows.into_iter().map(token).collect()
    }

    /// Revokes a token at once.
    ///
    /// # Errors
    /// When there is none of that id, or the role of the actor is less than admin.
    pub fn revoke_token(&self, actor: &Actor, id: &TokenId) -> Result<(), RecordError> {
        actor.must_be(Role::Admin, "revoking a token")?;
        self.write(|transaction| {
            let change = Change::begin(transaction, actor);
            let changed = transaction
                .prepare_cached("UPDATE token SET revoked = coalesce(revoked, ?2) WHERE id = ?1")?
                .execute((id.as_str(), change.time.to_string()))?;
            if changed == 0 {
                return Err(RecordError::NotFound { what: "token", id: id.to_string() });
            }
            change.event(&format!("token/{id}"), "token.revoked", &json!({"id": id}))?;
            Ok(())
        })
    }

    /// Who a secret stands for; `None` for an unknown or revoked one.
    ///
    /// The look-up goes by the hash of the secret, so its time says nothing about the secret. It takes microseconds
    /// and waits for nobody, so that it may be asked outside the blocking pool.
    ///
    /// # Errors
    /// When the database fails.
    pub fn actor_of_secret(&self, secret: &str) -> Result<Option<Actor>, RecordError> {
        let found = lock(&self.keys)
            .prepare_cached(
                "SELECT id, name, role, created, revoked FROM token WHERE hash = ?1 AND revoked IS NULL",
            )?
            .query_row([Sha256Hex::of(secret.as_bytes()).as_str()], token_row)
            .optional()?;
        Ok(found.map(token).transpose()?.map(|token| Actor { name: token.name, role: token.role }))
    }

    /// Whether any token may be used. As quick as [`Store::actor_of_secret`].
    ///
    /// # Errors
    /// When the database fails.
    pub fn has_tokens(&self) -> Result<bool, RecordError> {
        Ok(lock(&self.keys).prepare_cached("SELECT 1 FROM token WHERE revoked IS NULL LIMIT 1")?.exists([])?)
    }

    /// The taxonomy in its order.
    ///
    /// # Errors
    /// When the database fails.
    pub fn structure_types(&self) -> Result<Vec<StructureType>, RecordError> {
        let reader = self.read()?;
        let mut statement =
            reader.prepare_cached("SELECT id, label, key FROM structure_type ORDER BY position")?;
        let types = statement
            .query_map([], |row| Ok(StructureType { id: row.get(0)?, label: row.get(1)?, key: row.get(2)? }))?
            .collect::<Result<_, _>>()?;
        Ok(types)
    }
}

pub(super) fn fill_taxonomy(transaction: &Transaction<'_>) -> Result<(), RecordError> {
    if transaction.prepare("SELECT 1 FROM structure_type LIMIT 1")?.exists([])? {
        return Ok(());
    }
    for (position, kind) in default_structure_types().iter().enumerate() {
        transaction.execute(
            "INSERT INTO structure_type (id, position, label, key) VALUES (?1, ?2, ?3, ?4)",
            (&kind.id, position, &kind.label, &kind.key),
        )?;
    }
    Ok(())
}

fn random_secret() -> Result<String, RecordError> {
    let source = std::path::Path::new("/dev/urandom");
    let mut bytes = [0; SECRET_BYTES];
    std::fs::File::open(source)
        .and_then(|mut random| random.read_exact(&mut bytes))
        .map_err(RecordError::io(source, "read"))?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{SECRET_PREFIX}{hex}"))
}

type TokenRow = (String, String, String, String, Option<String>);

fn token_row(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

fn token((id, name, role, created, revoked): TokenRow) -> Result<Token, RecordError> {
    let time = |text: &str| {
        text.parse().map_err(|_| RecordError::Invalid {
            field: "time of a token",
            got: format!("{text:?}"),
            wanted: "RFC 3339".to_owned(),
        })
    };
    Ok(Token {
        id: TokenId(id),
        name,
        role: role.parse()?,
        created: time(&created)?,
        revoked: revoked.as_deref().map(time).transpose()?,
    })
}
