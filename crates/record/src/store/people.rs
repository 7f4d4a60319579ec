//! Tokens and the taxonomy.

use std::io::Read;

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::json;

use super::{IfMatch, Store, Writing, lock, writer::Transaction};
use crate::{
    blobs::Sha256Hex,
    error::RecordError,
    events::{Actor, Role},
    id::TokenId,
    taxonomy::{self, StructureType, Taxonomy, default_structure_types},
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
            let writing = Writing::begin(transaction, actor);
            let token = Token {
                id: TokenId::random(),
                name: name.clone(),
                role,
                created: writing.time,
                revoked: None,
            };
            writing.event(&format!("token/{}", token.id), "token.created", &json!(token))?;
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

    /// Revokes a token at once; one that was revoked before stays as it is.
    ///
    /// # Errors
    /// When there is none of that id, or the role of the actor is less than admin.
    pub fn revoke_token(&self, actor: &Actor, id: &TokenId) -> Result<(), RecordError> {
        actor.must_be(Role::Admin, "revoking a token")?;
        self.write(|transaction| {
            let is_revoked: Option<bool> = transaction
                .prepare_cached("SELECT revoked IS NOT NULL FROM token WHERE id = ?1")?
                .query_row([id.as_str()], |row| row.get(0))
                .optional()?;
            if is_revoked.ok_or_else(|| RecordError::NotFound { what: "token", id: id.to_string() })? {
                return Ok(());
            }
            let writing = Writing::begin(transaction, actor);
            transaction
                .prepare_cached("UPDATE token SET revoked = ?2 WHERE id = ?1")?
                .execute((id.as_str(), writing.time.to_string()))?;
            writing.event(&format!("token/{id}"), "token.revoked", &json!({"id": id}))?;
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

    /// The taxonomy.
    ///
    /// # Errors
    /// When the database fails.
    pub fn taxonomy(&self) -> Result<Taxonomy, RecordError> {
        let reader = self.read()?;
        // revision and types of one state
        let snapshot = reader.unchecked_transaction()?;
        stored_taxonomy(&snapshot)
    }

    /// Puts other types, in this order, in the place of those of the taxonomy. A type that an annotation or a review
    /// names stays, under whatever label.
    ///
    /// # Errors
    /// When the taxonomy is at another revision, the types cannot stand together, one that is in use is left out, or the
    /// role of the actor is less than admin.
    pub fn change_taxonomy(
        &self,
        actor: &Actor,
        if_match: IfMatch,
        types: Vec<StructureType>,
    ) -> Result<Taxonomy, RecordError> {
        actor.must_be(Role::Admin, "changing the taxonomy")?;
        let types = taxonomy::checked(types)?;
        self.write(|transaction| {
            let writing = Writing::begin(transaction, actor);
            let old = stored_taxonomy(transaction)?;
            match if_match {
                IfMatch::Revision(given) if given != old.revision => {
                    let (what, id) = ("taxonomy", "structure-types".to_owned());
                    return Err(RecordError::Stale { what, id, current: old.revision, given });
                }
                _ => {}
            }
            for dropped in old.types.iter().filter(|kind| types.iter().all(|kept| kept.id != kind.id)) {
                must_be_unused(transaction, dropped)?;
            }
            writing.event(taxonomy::SUBJECT, "taxonomy.changed", &json!({"types": types}))?;
            transaction.execute("DELETE FROM structure_type", [])?;
            insert_types(transaction, &types)?;
            Ok(Taxonomy { revision: old.revision + 1, types })
        })
    }
}

pub(super) fn fill_taxonomy(transaction: &Transaction<'_>) -> Result<(), RecordError> {
    if transaction.prepare("SELECT 1 FROM structure_type LIMIT 1")?.exists([])? {
        return Ok(());
    }
    insert_types(transaction, &default_structure_types())
}

fn insert_types(transaction: &Transaction<'_>, types: &[StructureType]) -> Result<(), RecordError> {
    let mut insert = transaction
        .prepare_cached("INSERT INTO structure_type (id, position, label, key) VALUES (?1, ?2, ?3, ?4)")?;
    for (position, kind) in types.iter().enumerate() {
        insert.execute((&kind.id, position, &kind.label, &kind.key))?;
    }
    Ok(())
}

fn stored_taxonomy(connection: &Connection) -> Result<Taxonomy, RecordError> {
    let changes: u64 = connection
        .prepare_cached("SELECT count(*) FROM event WHERE subject = ?1")?
        .query_row([taxonomy::SUBJECT], |row| row.get(0))?;
    let types = connection
        .prepare_cached("SELECT id, label, key FROM structure_type ORDER BY position")?
        .query_map([], |row| Ok(StructureType { id: row.get(0)?, label: row.get(1)?, key: row.get(2)? }))?
        .collect::<Result<_, _>>()?;
    Ok(Taxonomy { revision: changes + 1, types })
}

/// Asks that nothing rests on a type: no annotation, withdrawn ones too, which can be restored, and no review.
fn must_be_unused(transaction: &Transaction<'_>, kind: &StructureType) -> Result<(), RecordError> {
    let is_used = transaction
        .prepare_cached(
            "SELECT 1 FROM item WHERE collection = 'annotations'
                 AND json_extract(feature, '$.properties.structure_type') = ?1 UNION ALL
             SELECT 1 FROM review WHERE json_extract(document, '$.structure_type') = ?1 LIMIT 1",
        )?
        .exists([&kind.id])?;
    if !is_used {
        return Ok(());
    }
    Err(RecordError::Conflict {
        what: "structure type",
        id: kind.id.clone(),
        state: "named by annotations or reviews".to_owned(),
        change: "leaving it out",
    })
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
    let row = json!({"id": id, "name": name, "role": role, "created": created, "revoked": revoked});
    serde_json::from_value(row).map_err(|source| RecordError::Stored { what: "token", id, source })
}
