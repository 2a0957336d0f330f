//! Dispatch: the table of a function's paths, and the handler of a request.

use domain::routes::{self, Access, Operation};
use http::{Method, StatusCode};

use crate::handler::{CommandHandler, EndpointHandler, JobHandler, RawHandler};
use crate::input::Params;
use crate::{Error, Function};

/// Path of job calls.
const JOB_PATH: &str = "/job/{name}";

/// The handler of a method and path.
pub(super) struct Entry {
    /// Who may call it.
    pub(super) access: Access,
    /// The status of success.
    pub(super) success: StatusCode,
    pub(super) target: Target,
}

#[derive(Clone)]
pub(super) enum Target {
    Command(CommandHandler),
    Endpoint(EndpointHandler),
    Raw(RawHandler),
    Events,
    Job(JobHandler),
}

impl Entry {
    fn new(access: Access, target: Target) -> Self {
        Self { access, success: StatusCode::OK, target }
    }

    fn of(function: &Function, operation: &Operation) -> Result<Self, String> {
        let target = target(function, operation).ok_or_else(|| format!("no handler answers {}", operation.id))?;
        let success = StatusCode::from_u16(operation.success).map_err(|error| error.to_string())?;
        Ok(Self { access: operation.access, success, target })
    }
}

fn target(function: &Function, operation: &Operation) -> Option<Target> {
    if let Some(command) = operation.command {
        return function.commands.iter().find(|(ty, _)| *ty == command).map(|(_, handler)| Target::Command(handler.clone()));
    }
    let endpoint = function.endpoints.iter().find(|(id, _)| *id == operation.id).map(|(_, handler)| Target::Endpoint(handler.clone()));
    endpoint.or_else(|| function.raw.iter().find(|(id, _)| *id == operation.id).map(|(_, handler)| Target::Raw(handler.clone())))
}

/// A function's paths with their methods.
pub(super) struct Paths {
    table: matchit::Router<(&'static str, Vec<(Method, Entry)>)>,
    fallback: Option<Entry>,
    /// True if callers without a token may learn which paths exist; the gateway's are documented.
    pub(super) are_known: bool,
}

/// The entry of a request.
pub(super) struct Found<'table, 'path> {
    pub(super) entry: &'table Entry,
    /// The path in the table, with names in braces; `None` for the fallback.
    pub(super) route: Option<&'static str>,
    params: Option<matchit::Params<'table, 'path>>,
}

impl Paths {
    /// Builds the paths of a function.
    ///
    /// # Errors
    /// The function does not match its route.
    pub(super) fn new(function: &Function) -> Result<Self, String> {
        let mut lists: Vec<(&'static str, Vec<(Method, Entry)>)> = Vec::new();
        let mut add = |method: Method, path: &'static str, entry: Entry| match lists.iter_mut().find(|(own, _)| *own == path) {
            Some((_, list)) => list.push((method, entry)),
            None => lists.push((path, vec![(method, entry)])),
        };
        for operation in function.route.operations {
            add(method(operation.method), operation.path, Entry::of(function, operation)?);
        }
        for (method, path, access, handler) in &function.paths {
            add(method.clone(), path, Entry::new(*access, Target::Raw(handler.clone())));
        }
        if !function.commands.is_empty() || function.consumer.is_some() {
            add(Method::POST, "/", Entry::new(Access::Bearer, Target::Events));
        }
        if let Some(job) = &function.job {
            add(Method::POST, JOB_PATH, Entry::new(Access::Bearer, Target::Job(job.clone())));
        }
        check(function)?;
        let mut table = matchit::Router::new();
        for (path, list) in lists {
            table.insert(path, (path, list)).map_err(|error| error.to_string())?;
        }
        let fallback = function.fallback.as_ref().map(|handler| Entry::new(Access::Public, Target::Raw(handler.clone())));
        Ok(Self { table, fallback, are_known: !function.paths.is_empty() })
    }

    /// Finds the entry of a request. Accepts a path with a final slash if only the one without it exists.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::MethodNotAllowed`].
    pub(super) fn find<'path>(&self, method: &Method, path: &'path str) -> Result<Found<'_, 'path>, Error> {
        let at = self.table.at(path).or_else(|missing| match path.strip_suffix('/') {
            Some(shorter) if !shorter.is_empty() && !shorter.ends_with('/') => self.table.at(shorter),
            _ => Err(missing),
        });
        let missing = match at {
            Err(_) => Error::NotFound(format!("no operation has the path {path}")),
            Ok(at) => {
                let (route, list) = at.value;
                match list.iter().find(|(own, _)| own == method) {
                    Some((_, entry)) => return Ok(Found { entry, route: Some(route), params: Some(at.params) }),
                    None => Error::MethodNotAllowed(allow(list)),
                }
            }
        };
        let fallback = self.fallback.as_ref().ok_or(missing)?;
        Ok(Found { entry: fallback, route: None, params: None })
    }
}

impl Found<'_, '_> {
    /// Returns the decoded values of the names in braces.
    ///
    /// # Errors
    /// [`Error::Malformed`] if one is not UTF-8.
    pub(super) fn params(&self) -> Result<Params, Error> {
        let (Some(route), Some(params)) = (self.route, &self.params) else { return Ok(Params::new()) };
        let names = route.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| name.trim_start_matches('*'));
        let decode = |name: &'static str| {
            let text = percent_encoding::percent_decode_str(params.get(name).unwrap_or_default()).decode_utf8();
            let text = text.map_err(|_| Error::Malformed(format!("{name} in the path is not UTF-8")))?;
            Ok((name, text.into_owned()))
        };
        names.map(decode).collect()
    }
}

fn check(function: &Function) -> Result<(), String> {
    let commands = function.route.commands().count();
    let others = function.route.operations.iter().filter(|operation| operation.command.is_none()).count();
    if function.commands.len() != commands || function.endpoints.len() + function.raw.len() != others {
        return Err("a handler has no operation in the route".to_owned());
    }
    if function.consumer.is_some() == function.route.consumes.is_empty() || function.job.is_some() != function.route.job.is_some() {
        return Err("its consumer or job does not match the route".to_owned());
    }
    Ok(())
}

/// Returns the method in the form of `http`.
pub(crate) fn method(method: routes::Method) -> Method {
    match method {
        routes::Method::Get => Method::GET,
        routes::Method::Post => Method::POST,
        routes::Method::Put => Method::PUT,
        routes::Method::Patch => Method::PATCH,
        routes::Method::Delete => Method::DELETE,
        routes::Method::Options => Method::OPTIONS,
        other => Method::from_bytes(other.as_str().as_bytes()).unwrap_or(Method::TRACE),
    }
}

fn allow(list: &[(Method, Entry)]) -> String {
    let mut methods: Vec<&str> = list.iter().map(|(method, _)| method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_named_by_the_table_of_routes() {
        let nothing = |_, _| std::future::ready(Err(Error::Unauthorized));
        let operations = routes::ALL.iter().flat_map(|route| route.operations);
        let gateway = operations.fold(Function::new(routes::GATEWAY), |function, operation| function.operation(operation, nothing));
        let paths = Paths::new(&gateway.path(Method::POST, "/", false, nothing)).unwrap();
        for (method, path, route) in [
            (Method::GET, "/api/tasks", Some("/api/tasks")),
            (Method::GET, "/api/tasks/7", Some("/api/tasks/{task_id}")),
            (Method::POST, "/api/tasks/7/complete", Some("/api/tasks/{task_id}/complete")),
            (Method::POST, "/api/tasks/search", Some("/api/tasks/search")),
            (Method::GET, "/api/tasks/7/8/9", None),
            (Method::POST, "/", Some("/")),
        ] {
            assert_eq!(paths.find(&method, path).ok().and_then(|found| found.route), route, "{method} {path}");
        }
    }
}
