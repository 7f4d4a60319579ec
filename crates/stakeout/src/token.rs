//! `stakeout token`.

use record::{Actor, Role, TokenId};
use serde_json::json;

use crate::{
    arguments::Token,
    data_folder::{is_data_folder, open, open_or_make},
    output::print,
};

/// Whoever can open the data folder may do anything with it.
fn operator() -> Actor {
    Actor { name: "operator".to_owned(), role: Role::Admin }
}

pub(crate) fn run(arguments: &Token, quiet: bool) -> anyhow::Result<()> {
    match arguments {
        Token::Create { data, role, name } => {
            let is_new = !is_data_folder(data);
            let made = open_or_make(data)?.create_token(&operator(), name, *role)?;
            if !quiet && is_new {
                eprintln!("{} was no data folder: a new one was made", data.display());
            }
            if !quiet {
                let role = role.as_str();
                eprintln!("token {} for {name} ({role}); its secret is shown this once:", made.token.id);
            }
            print(&format!("{}\n", made.secret))
        }
        Token::List { data } => print(&format!("{:#}\n", json!(open(data)?.tokens()?))),
        Token::Revoke { data, id } => Ok(open(data)?.revoke_token(&operator(), &TokenId(id.clone()))?),
    }
}
