//! A poll of PostgreSQL: binary COPY for reading and for large writes, arrays for smaller writes.

use chrono::{DateTime, Utc};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, Postgres, postgres::PgArguments, query::Query,
};

use super::{
    copied::{Buffer, Rows},
    diff::{Changed, Diff, Linking, Matching, baseline},
    list::{Holds, Item, Kind, Link, Lists, links},
    tables::{self, ACCOUNT, Cell, Counts, Poll, columns, poll_row},
};

/// From this many rows on, COPY is faster than arrays.
const COPY: usize = 5_000;

type Sql<'q> = Query<'q, Postgres, PgArguments>;

/// The data that the rows of a poll share.
struct Writer<'c> {
    connection: &'c mut PgConnection,
    poll_id: i64,
    observed_at: DateTime<Utc>,
    /// The `observed_at` of the previous poll.
    last: Option<DateTime<Utc>>,
}

pub fn poll(url: &str, lists: &Lists<'_>, about: &Poll<'_>) -> Counts {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut connection = PgConnection::connect(url).await.expect("connects");
        let mut transaction = connection.begin().await.expect("begins");
        let counts = in_transaction(&mut transaction, lists, about).await;
        transaction.commit().await.expect("commits");
        connection.close().await.expect("closes");
        counts
    })
}

async fn in_transaction(
    connection: &mut PgConnection,
    lists: &Lists<'_>,
    about: &Poll<'_>,
) -> Counts {
    let there: bool = sqlx::query_scalar("SELECT to_regclass('polls') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await
        .expect("reads the schema");
    if !there {
        sqlx::raw_sql(tables::POSTGRES).execute(&mut *connection).await.expect("creates tables");
    }
    let (last_id, last) = sqlx::query_as(
        "SELECT coalesce(max(poll_id), 0), \
         max(observed_at) FILTER (WHERE account = $1 AND outcome <> 'failed') FROM polls",
    )
    .bind(ACCOUNT)
    .fetch_one(&mut *connection)
    .await
    .expect("reads polls");
    let poll_id: i64 = last_id;
    let observed_at = about.observed_at;
    let mut writer = Writer { connection, poll_id: poll_id + 1, observed_at, last };
    let avatars = writer.compare(&lists.avatars).await;
    let photos = writer.compare(&lists.talking_photos).await;
    let links = links(lists);
    let (new, renewed) = writer.compare_links(&links).await;
    let mut counts = Counts::default();
    counts.add(&avatars);
    counts.add(&photos);
    writer.poll(about, lists, &counts).await;
    writer.diff(&avatars).await;
    writer.diff(&photos).await;
    writer.new_links(&new).await;
    writer.renewed_links(&renewed).await;
    counts
}

fn sql<'q>(text: String) -> Sql<'q> {
    sqlx::query(AssertSqlSafe(text))
}

/// Returns the items' ids and columns as one relation `new`; `first` is its first parameter.
fn arrays(kind: &Kind, first: usize) -> String {
    let typed = |(at, holds): (usize, Holds)| match holds {
        Holds::Flag => format!("${}::boolean[]", first + at),
        _ => format!("${}::text[]", first + at),
    };
    let all = [Holds::Text].into_iter().chain(kind.columns.iter().map(|(_, holds)| *holds));
    let all: Vec<_> = all.enumerate().map(typed).collect();
    let names = columns(kind, str::to_owned);
    format!("unnest({}) AS new (id, {names})", all.join(", "))
}

/// Returns the columns of `new` with the types of the table.
fn new_columns(kind: &Kind) -> String {
    columns(kind, |column| {
        let json = kind.columns.contains(&(column, Holds::Json));
        format!("new.{column}{}", if json { "::jsonb" } else { "" })
    })
}

fn bind_items<'q, T: Item>(mut query: Sql<'q>, items: &[&'q T]) -> Sql<'q> {
    query = query.bind(items.iter().map(|item| item.id()).collect::<Vec<_>>());
    for (at, (_, holds)) in T::KIND.columns.iter().enumerate() {
        let texts = items.iter().map(|item| item.value(at).text());
        query = match holds {
            Holds::Flag => query.bind(texts.map(|text| Some(text? == "true")).collect::<Vec<_>>()),
            _ => query.bind(texts.collect::<Vec<_>>()),
        };
    }
    query
}

impl Writer<'_> {
    async fn run(&mut self, query: Sql<'_>) {
        query.execute(&mut *self.connection).await.expect("writes");
    }

    async fn compare<'a, T: Item>(&mut self, list: &'a [T]) -> Diff<'a, T> {
        if self.last.is_none() {
            return baseline(list);
        }
        let kind = T::KIND;
        let select = format!(
            "SELECT {}, version, {} FROM {} WHERE account = '{ACCOUNT}' AND removed_at IS NULL",
            kind.id,
            columns(&kind, str::to_owned),
            kind.table
        );
        let mut rows = Rows::of(self.connection, &select).await;
        let mut matching = Matching::new(list);
        while rows.advance() {
            matching.row(rows.text(0), rows.number(1), &rows);
        }
        matching.finish()
    }

    async fn compare_links<'l, 'a>(
        &mut self,
        links: &'l [Link<'a>],
    ) -> (Vec<&'l Link<'a>>, Vec<&'l Link<'a>>) {
        let mut rows = Rows::of(self.connection, "SELECT url, expires_at FROM assets").await;
        let mut linking = Linking::new(links, self.observed_at.timestamp());
        while rows.advance() {
            linking.row(rows.text(0), rows.time(1));
        }
        linking.finish()
    }

    async fn poll(&mut self, poll: &Poll<'_>, lists: &Lists<'_>, counts: &Counts) {
        let head = sqlx::query(
            "INSERT INTO accounts (account, last_poll_id, polls) VALUES ($1, $2, 1) \
             ON CONFLICT (account) DO UPDATE \
             SET last_poll_id = excluded.last_poll_id, polls = accounts.polls + 1",
        );
        self.run(head.bind(ACCOUNT).bind(self.poll_id)).await;
        let row = poll_row(self.poll_id, poll, lists, counts);
        let names: Vec<_> = row.iter().map(|(name, _)| *name).collect();
        let mark = |(at, (_, cell)): (usize, &(_, Cell<'_>))| match cell {
            Cell::Json(_) => format!("${}::jsonb", at + 1),
            _ => format!("${}", at + 1),
        };
        let marks: Vec<_> = row.iter().enumerate().map(mark).collect();
        let mut insert =
            sql(format!("INSERT INTO polls ({}) VALUES ({})", names.join(", "), marks.join(", ")));
        for (_, cell) in row {
            insert = match cell {
                Cell::Text(text) | Cell::Json(text) => insert.bind(text),
                Cell::Number(number) => insert.bind(number),
                Cell::Time(time) => insert.bind(time),
            };
        }
        self.run(insert).await;
    }

    async fn diff<T: Item>(&mut self, diff: &Diff<'_, T>) {
        if self.last.is_none() {
            self.appeared::<T>().await;
        }
        self.add_items(&diff.added).await;
        self.change_items(&diff.changed).await;
        let ended: (Vec<_>, Vec<_>) =
            diff.changed.iter().map(|changed| (changed.item.id(), changed.version)).unzip();
        self.end::<T>("changed", &ended).await;
        let removed = diff.removed.iter().map(|(id, version)| (id.as_str(), *version)).unzip();
        self.remove::<T>(&removed).await;
        self.end::<T>("removed", &removed).await;
        self.open("added", &diff.added, vec![1; diff.added.len()]).await;
        let opened: Vec<_> = diff.changed.iter().map(|changed| changed.item).collect();
        let versions = diff.changed.iter().map(|changed| changed.version + 1).collect();
        self.open("changed", &opened, versions).await;
    }

    async fn appeared<T: Item>(&mut self) {
        let fields = T::KIND.columns.iter().map(|(field, _)| *field).chain([T::KIND.id]);
        let insert = sqlx::query(
            "INSERT INTO schema_changes (poll_id, account, kind, field, change) \
             SELECT $1, $2, $3, field, 'appeared' FROM unnest($4::text[]) AS new (field)",
        );
        let insert = insert.bind(self.poll_id).bind(ACCOUNT).bind(T::KIND.name);
        self.run(insert.bind(fields.collect::<Vec<_>>())).await;
    }

    async fn add_items<T: Item>(&mut self, added: &[&T]) {
        let (kind, time) = (T::KIND, self.observed_at);
        let names = columns(&kind, str::to_owned);
        let names = format!(
            "account, version, valid_from, first_seen_at, changed_at, {}, {names}",
            kind.id
        );
        if added.len() >= COPY {
            let mut buffer = Buffer::new();
            for item in added {
                buffer.row(6 + kind.columns.len());
                buffer.text(ACCOUNT);
                buffer.number(1);
                (0..3).for_each(|_| buffer.time(Some(time)));
                buffer.text(item.id());
                (0..kind.columns.len()).for_each(|at| buffer.value(item.value(at)));
            }
            buffer.send(self.connection, kind.table, &names).await;
        } else if !added.is_empty() {
            let insert = sql(format!(
                "INSERT INTO {} ({names}) SELECT $1, 1, $2, $2, $2, new.id, {} FROM {}",
                kind.table,
                new_columns(&kind),
                arrays(&kind, 3)
            ));
            self.run(bind_items(insert.bind(ACCOUNT).bind(time), added)).await;
        }
    }

    async fn change_items<T: Item>(&mut self, changed: &[Changed<'_, T>]) {
        let kind = T::KIND;
        if changed.is_empty() {
            return;
        }
        let items: Vec<_> = changed.iter().map(|changed| changed.item).collect();
        let update = sql(format!(
            "UPDATE {table} AS item SET ({}) = ROW ({}), version = item.version + 1, \
             valid_from = $2, changed_at = $2, missing_since = NULL \
             FROM {} WHERE item.account = $1 AND item.{} = new.id",
            columns(&kind, str::to_owned),
            new_columns(&kind),
            arrays(&kind, 3),
            kind.id,
            table = kind.table
        ));
        self.run(bind_items(update.bind(ACCOUNT).bind(self.observed_at), &items)).await;
        let rows =
            || changed.iter().flat_map(|one| one.fields.iter().map(move |field| (one, field)));
        let insert = sqlx::query(
            "INSERT INTO field_changes \
             (poll_id, account, kind, item_id, version, field, old_value, new_value) \
             SELECT $1, $2, $3, new.* \
             FROM unnest($4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[]) AS new",
        );
        let insert = insert.bind(self.poll_id).bind(ACCOUNT).bind(kind.name);
        let insert = insert.bind(rows().map(|(one, _)| one.item.id()).collect::<Vec<_>>());
        let insert = insert.bind(rows().map(|(one, _)| one.version + 1).collect::<Vec<_>>());
        let insert = insert.bind(rows().map(|(_, at)| kind.columns[at.0].0).collect::<Vec<_>>());
        let insert = insert.bind(rows().map(|(_, at)| at.1.as_deref()).collect::<Vec<_>>());
        let new = rows().map(|(one, at)| one.item.value(at.0).text());
        self.run(insert.bind(new.collect::<Vec<_>>())).await;
    }

    async fn remove<T: Item>(&mut self, (ids, _): &(Vec<&str>, Vec<i64>)) {
        let update = sql(format!(
            "UPDATE {} SET missing_since = $2, removed_at = $2 WHERE account = $1 AND {} = ANY ($3)",
            T::KIND.table,
            T::KIND.id
        ));
        if !ids.is_empty() {
            self.run(update.bind(ACCOUNT).bind(self.observed_at).bind(ids)).await;
        }
    }

    async fn end<T: Item>(&mut self, why: &str, (ids, versions): &(Vec<&str>, Vec<i64>)) {
        let update = sql(format!(
            "UPDATE {} AS item \
             SET valid_to = $2, closed_by = $3, closed_poll = $4, closed_after = $5 \
             FROM unnest($6::text[], $7::bigint[]) AS old (id, version) \
             WHERE item.account = $1 AND item.{} = old.id AND item.version = old.version",
            T::KIND.history,
            T::KIND.id
        ));
        if !ids.is_empty() {
            let update = update.bind(ACCOUNT).bind(self.observed_at).bind(why).bind(self.poll_id);
            self.run(update.bind(self.last).bind(ids).bind(versions)).await;
        }
    }

    async fn open<T: Item>(&mut self, why: &str, items: &[&T], versions: Vec<i64>) {
        let kind = T::KIND;
        let names = columns(&kind, str::to_owned);
        let names = format!(
            "account, valid_from, opened_by, opened_poll, opened_after, version, {}, {names}",
            kind.id
        );
        if items.len() >= COPY {
            let mut buffer = Buffer::new();
            for (item, version) in items.iter().zip(versions) {
                buffer.row(7 + kind.columns.len());
                buffer.text(ACCOUNT);
                buffer.time(Some(self.observed_at));
                buffer.text(why);
                buffer.number(self.poll_id);
                buffer.time(self.last);
                buffer.number(version);
                buffer.text(item.id());
                (0..kind.columns.len()).for_each(|at| buffer.value(item.value(at)));
            }
            buffer.send(self.connection, kind.history, &names).await;
        } else if !items.is_empty() {
            let insert = sql(format!(
                "INSERT INTO {history} ({names}) \
                 SELECT $1, $2, $3, $4, $5, counted.version, new.id, {} FROM {} \
                 JOIN unnest(${ids}::text[], ${versions}::bigint[]) AS counted (id, version) \
                     ON counted.id = new.id",
                new_columns(&kind),
                arrays(&kind, 6),
                history = kind.history,
                ids = 7 + kind.columns.len(),
                versions = 8 + kind.columns.len()
            ));
            let insert = insert.bind(ACCOUNT).bind(self.observed_at).bind(why).bind(self.poll_id);
            let insert = bind_items(insert.bind(self.last), items);
            let ids: Vec<_> = items.iter().map(|item| item.id()).collect();
            self.run(insert.bind(ids).bind(versions)).await;
        }
    }

    async fn new_links(&mut self, new: &[&Link<'_>]) {
        const COLUMNS: &str = "url, role, signed_url, expires_at";
        if new.len() >= COPY {
            let mut buffer = Buffer::new();
            for link in new {
                buffer.row(4);
                [link.url, link.role, link.signed].iter().for_each(|text| buffer.text(text));
                buffer.time(expiry(link));
            }
            buffer.send(self.connection, "assets", COLUMNS).await;
        } else if !new.is_empty() {
            let insert = sql(format!(
                "INSERT INTO assets ({COLUMNS}) \
                 SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])"
            ));
            let insert = insert.bind(new.iter().map(|link| link.url).collect::<Vec<_>>());
            let insert = insert.bind(new.iter().map(|link| link.role).collect::<Vec<_>>());
            let insert = insert.bind(new.iter().map(|link| link.signed).collect::<Vec<_>>());
            self.run(insert.bind(new.iter().map(|link| expiry(link)).collect::<Vec<_>>())).await;
        }
    }

    async fn renewed_links(&mut self, renewed: &[&Link<'_>]) {
        if renewed.is_empty() {
            return;
        }
        let update = sqlx::query(
            "UPDATE assets SET signed_url = new.signed, expires_at = new.expires \
             FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS new (url, signed, expires) \
             WHERE assets.url = new.url",
        );
        let update = update.bind(renewed.iter().map(|link| link.url).collect::<Vec<_>>());
        let update = update.bind(renewed.iter().map(|link| link.signed).collect::<Vec<_>>());
        self.run(update.bind(renewed.iter().map(|link| expiry(link)).collect::<Vec<_>>())).await;
    }
}

fn expiry(link: &Link<'_>) -> Option<DateTime<Utc>> {
    link.expires.and_then(|seconds| DateTime::from_timestamp(seconds, 0))
}
