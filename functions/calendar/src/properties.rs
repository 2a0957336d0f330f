//! The properties of everything below `/dav/`.

use domain::routes::DAV_ROOT;
use store::{Resource, SyncPoint};

use crate::CALENDAR;
use crate::resource::{self, etag, path};
use crate::xml::{CALDAV, CALENDARSERVER, DAV, Element, element, empty, text};

/// The path of the only principal.
pub(crate) const PRINCIPAL: &str = "/dav/principal/";
/// The path of its calendars. There is one.
pub(crate) const HOME: &str = "/dav/calendars/";

/// What a path refers to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Node<'a> {
    /// `/dav/`
    Root,
    /// The user.
    Principal,
    /// The collection of calendars.
    Home,
    /// The calendar, with the sync token of a client that has just read it.
    Calendar(SyncPoint),
    /// A task.
    Resource(&'a Resource),
}

/// The properties that a client requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wanted {
    /// The common ones.
    All,
    /// Only their names.
    Names,
    /// These: namespace and name.
    These(Vec<(String, String)>),
}

impl Wanted {
    /// Reads `<D:prop>`, `<D:allprop>` or `<D:propname>` inside an element.
    pub(crate) fn read(element: Option<&Element>) -> Self {
        let Some(element) = element else { return Self::All };
        if element.child(DAV, "propname").is_some() {
            return Self::Names;
        }
        match element.child(DAV, "prop") {
            Some(prop) => Self::These(prop.children.iter().map(|child| (child.namespace.clone(), child.name.clone())).collect()),
            None => Self::All,
        }
    }
}

/// Returns the URI of a sync-collection token.
pub(crate) fn token(point: SyncPoint) -> String {
    format!("urn:taskflow:sync:{}.{}", point.now, point.next)
}

/// Returns the number of a token.
pub(crate) fn number(token: &str) -> Option<i64> {
    let (now, next) = token.trim().strip_prefix("urn:taskflow:sync:")?.split_once('.')?;
    next.parse::<i64>().ok()?;
    now.parse().ok()
}

impl Node<'_> {
    /// Returns its path.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Root => DAV_ROOT.to_owned(),
            Self::Principal => PRINCIPAL.to_owned(),
            Self::Home => HOME.to_owned(),
            Self::Calendar(_) => CALENDAR.to_owned(),
            Self::Resource(resource) => path(&resource.name),
        }
    }

    /// Returns the `<D:response>` with the requested properties.
    pub(crate) fn response(&self, wanted: &Wanted) -> String {
        let (mut there, mut missing) = (String::new(), String::new());
        match wanted {
            Wanted::All => {
                self.all().iter().filter_map(|(namespace, name)| self.property(namespace, name)).for_each(|property| there += &property);
            }
            Wanted::Names => self.all().iter().for_each(|(namespace, name)| there += &empty(namespace, name)),
            Wanted::These(names) => {
                for (namespace, name) in names {
                    match self.property(namespace, name) {
                        Some(property) => there += &property,
                        None => missing += &empty(namespace, name),
                    }
                }
            }
        }
        let href = element(DAV, "href", &text(&self.path()));
        let mut parts = String::new();
        if !there.is_empty() || missing.is_empty() {
            parts += &propstat(&there, "200 OK");
        }
        if !missing.is_empty() {
            parts += &propstat(&missing, "404 Not Found");
        }
        element(DAV, "response", &(href + &parts)) + "\n"
    }

    /// The properties of `allprop`.
    fn all(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Resource(_) => {
                &[(DAV, "resourcetype"), (DAV, "getetag"), (DAV, "getcontenttype"), (DAV, "getlastmodified"), (DAV, "creationdate")]
            }
            Self::Calendar(_) => &[
                (DAV, "resourcetype"),
                (DAV, "displayname"),
                (CALENDARSERVER, "getctag"),
                (DAV, "sync-token"),
                (DAV, "current-user-principal"),
            ],
            _ => &[(DAV, "resourcetype"), (DAV, "displayname"), (DAV, "current-user-principal")],
        }
    }

    fn property(&self, namespace: &str, name: &str) -> Option<String> {
        let href = |path: &str| element(DAV, "href", &text(path));
        let content = match (namespace, name, self) {
            (DAV, "resourcetype", node) => node.types(),
            (DAV, "displayname", Self::Resource(resource)) => text(&resource.task.title),
            (DAV, "displayname", Self::Principal) => "Taskflow".to_owned(),
            (DAV, "displayname", _) => "Tasks".to_owned(),
            (DAV, "current-user-principal" | "owner", _)
            | (DAV, "principal-URL", Self::Principal)
            | (CALDAV, "calendar-user-address-set", Self::Principal) => href(PRINCIPAL),
            (DAV, "principal-collection-set", _) => href(DAV_ROOT),
            (DAV, "current-user-privilege-set", _) => {
                let privileges =
                    ["all", "read", "write", "write-content", "write-properties", "bind", "unbind", "read-current-user-privilege-set"];
                privileges.map(|name| element(DAV, "privilege", &empty(DAV, name))).concat()
            }
            (DAV, "supported-report-set", Self::Calendar(_) | Self::Resource(_)) => {
                let reports = [(CALDAV, "calendar-query"), (CALDAV, "calendar-multiget"), (DAV, "sync-collection")];
                reports.map(|(namespace, name)| element(DAV, "supported-report", &element(DAV, "report", &empty(namespace, name)))).concat()
            }
            (DAV, "supported-report-set", _) => String::new(),
            (CALDAV, "calendar-home-set", Self::Principal | Self::Root) => href(HOME),
            (CALDAV, "supported-calendar-component-set", Self::Calendar(_)) => "<C:comp name=\"VTODO\"/>".to_owned(),
            (CALDAV, "supported-calendar-data", Self::Calendar(_)) => {
                "<C:calendar-data content-type=\"text/calendar\" version=\"2.0\"/>".to_owned()
            }
            (CALDAV, "supported-collation-set", Self::Calendar(_)) => {
                ["i;ascii-casemap", "i;octet"].map(|name| element(CALDAV, "supported-collation", name)).concat()
            }
            (CALDAV, "max-resource-size", Self::Calendar(_)) => icalendar::DOCUMENT_MAX.to_string(),
            (CALENDARSERVER, "getctag", Self::Calendar(now)) | (DAV, "sync-token", Self::Calendar(now)) => text(&token(*now)),
            (DAV, "getetag", Self::Resource(resource)) => text(&etag(resource)),
            (DAV, "getcontenttype", Self::Resource(_)) => resource::TYPE.to_owned(),
            (DAV, "getcontenttype", Self::Calendar(_)) => "text/calendar; component=VTODO".to_owned(),
            (DAV, "getlastmodified", Self::Resource(resource)) => {
                resource.task.updated_at.get().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
            }
            (DAV, "creationdate", Self::Resource(resource)) => resource.task.created_at.get().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            (CALDAV, "calendar-data", Self::Resource(resource)) => text(&resource::text(resource)),
            _ => return None,
        };
        Some(element(namespace, name, &content))
    }

    fn types(&self) -> String {
        let collection = empty(DAV, "collection");
        match self {
            Self::Root | Self::Home => collection,
            Self::Principal => collection + &empty(DAV, "principal"),
            Self::Calendar(_) => collection + &empty(CALDAV, "calendar"),
            Self::Resource(_) => String::new(),
        }
    }
}

/// Properties with the same status.
pub(crate) fn propstat(properties: &str, status: &str) -> String {
    element(DAV, "propstat", &(element(DAV, "prop", properties) + &element(DAV, "status", &format!("HTTP/1.1 {status}"))))
}

/// Returns the `<D:response>` of a missing resource.
pub(crate) fn gone(path: &str) -> String {
    element(DAV, "response", &(element(DAV, "href", &text(path)) + &element(DAV, "status", "HTTP/1.1 404 Not Found"))) + "\n"
}
