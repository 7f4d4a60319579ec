//! `stakeout token`.

use std::io::Write;

use record::{Actor, Role, Store, TokenId};
use serde_json::json;

use crate::{
    arguments::Token,
    data_folder::{is_data_folder, open},
};

/// Whoever can open the data folder may do anything with it.
fn operator() -> Actor {
    Actor { name: "operator".to_owned(), role: Role::Admin }
}

pub(crate) fn run(arguments: &Token, quiet: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match arguments {
        Token::Create { data, role, name } => {
            let is_new = !is_data_folder(data);
            let made = Store::open(data)?.create_token(&operator(), name, *role)?;
            if !quiet && is_new {
                eprintln!("{} was no data folder: a new one was made", data.display());
            }
            if !quiet {
                let role = role.as_str();
                eprintln!("token {} for {name} ({role}); its secret is shown this once:", made.token.id);
            }
            writeln!(out, "{}", made.secret)?;
        }
        Token::List { data } => writeln!(out, "{:#}", json!(open(data)?.tokens()?))?,
        Token::Revoke { data, id } => open(data)?.revoke_token(&operator(), &TokenId(id.clone()))?,
    }
    Ok(())
}
