//! Import of a large file: time until the last task exists, and the program's peak memory.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::Value;

use crate::client::{Call, Client};
use crate::function_alone::memory;
use crate::world::World;
use crate::{BoxError, report};

/// Time between two checks of the import.
const LOOK: Duration = Duration::from_millis(100);
/// Maximum time of an import before it counts as stuck.
const PATIENCE: Duration = Duration::from_mins(10);

pub(crate) async fn run(count: u32) -> Result<(), BoxError> {
    let world = World::new(0).await?;
    let taskflow = world.taskflow().await?;
    let id = taskflow.id().ok_or("the memory of a Taskflow that is there is not known")?;
    let mut client = Client::connect(taskflow.address).await?;
    report::setting(&format!("POST /api/imports of {count} tasks with due dates, tags and descriptions; {}", world.setting().await?));
    report::head(&["file", "size", "time", "per second", "idle memory", "most memory"]);
    for (name, file) in [("Todoist CSV", todoist(count)), ("the same again: all there", todoist(count))] {
        let idle = format!("{:.0} MB", memory(id, "VmRSS:")?);
        let (size, begun) = (file.len(), Instant::now());
        let call = Call::post("/api/imports", file).expecting(StatusCode::ACCEPTED);
        let import: Value = serde_json::from_slice(&client.call(call).await?)?;
        let done = over(&mut client, &import["id"]).await?;
        let took = begun.elapsed();
        if done["status"] != "done" || done["read"] != count {
            return Err(format!("the import ended as {done}").into());
        }
        let cells = [
            name.to_owned(),
            format!("{} kB", size / 1_000),
            format!("{:.1} s", took.as_secs_f64()),
            format!("{:.0}", f64::from(count) / took.as_secs_f64()),
            idle,
            format!("{:.0} MB", memory(id, "VmHWM:")?),
        ];
        report::row(&cells);
    }
    report::end();
    drop(taskflow);
    world.stop().await
}

async fn over(client: &mut Client, id: &Value) -> Result<Value, BoxError> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let import: Value = serde_json::from_slice(&client.call(Call::get(format!("/api/imports/{id}"))).await?)?;
        if import["status"] != "importing" {
            return Ok(import);
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(format!("the import took longer than {} s", PATIENCE.as_secs()).into())
}

fn todoist(count: u32) -> String {
    let row = |number: u32| {
        let (month, day) = (number % 12 + 1, number % 28 + 1);
        format!(
            "task,Call customer {number} about the offer @sales @phone,\"They asked for terms, and for a discount of {number} %\",{},1,2199-{month:02}-{day:02},en\n",
            number % 4 + 1
        )
    };
    let mut file = String::from("TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,DATE,DATE_LANG\n");
    (0..count).for_each(|number| file.push_str(&row(number)));
    file
}
