//! Brings the database of `DATABASE_URL` up to date, and ends. Two at once wait for each other.

use function::host::run_process;
use store::Store;

fn main() -> std::process::ExitCode {
    run_process(false, |settings| async move {
        let url = settings.database_url.ok_or("DATABASE_URL: not set; it names the database to bring up to date")?;
        Store::connect_lazy(url.expose(), 1)?.migrate().await?;
        tracing::info!("the schema is up to date");
        Ok(())
    })
}
