//! `stakeout token`.

use std::io::Write;

use anyhow::Context;
use record::{Actor, Role, TokenId};
use serde_json::json;

use crate::{
    arguments::Token,
    data_folder::{is_data_folder, open, open_or_make, open_read_only},
    output::{print, say},
};

/// Whoever can open the data folder may do anything with it.
fn operator() -> Actor {
    Actor { name: "operator".to_owned(), role: Role::Admin }
}

pub(crate) fn run(arguments: &Token, quiet: bool) -> anyhow::Result<()> {
    match arguments {
        Token::Create { data, role, name } => {
            let is_new = !is_data_folder(data)?;
            let store = open_or_make(data)?;
            let made = store.create_token(&operator(), name, *role)?;
            if !quiet && is_new {
                say(format_args!("{} was no data folder: a new one was made", data.display()));
            }
            if !quiet {
                let role = role.as_str();
                say(format_args!(
                    "token {} for {name} ({role}); its secret is shown this once:",
                    made.token.id
                ));
            }
            let mut out = std::io::stdout().lock();
            if let Err(error) = writeln!(out, "{}", made.secret).and_then(|()| out.flush()) {
                // nobody has it, and from the first token on everybody is asked for one
                store.revoke_token(&operator(), &made.token.id)?;
                return Err(error).context("its secret could not be shown, so the token was revoked");
            }
            Ok(())
        }
        Token::List { data } => print(&format!("{:#}\n", json!(open_read_only(data)?.tokens()?))),
        Token::Revoke { data, id } => Ok(open(data)?.revoke_token(&operator(), &TokenId(id.clone()))?),
    }
}
