//! What the relay reads and notes in the database.

use bowline_fault_points::{Point, reached};
use bowline_kernel::{SystemIds, error_text};
use uuid::Uuid;

use super::{Relay, UNACKNOWLEDGED_MAX};
use crate::envelope::envelope;
use crate::incarnation::Current;
use crate::{Error, incarnation};

/// How many messages of a lane are read at once.
const PAGE: i64 = 5_000;

/// How far a lane is noted as published.
pub(super) struct Published {
    pub(super) index: usize,
    pub(super) sequence: i64,
}

struct Row {
    sequence: i64,
    incarnation: Uuid,
    key: Uuid,
    id: Uuid,
    message_type: String,
    happened_at: chrono::DateTime<chrono::Utc>,
    causation: Option<Uuid>,
    traceparent: Option<String>,
    payload: Vec<u8>,
}

impl Relay {
    /// The history that the database is in, and the last sequence given out of every owned lane, by index.
    pub(super) async fn heads(&self) -> Result<(Option<Current>, Vec<(usize, i64)>), Error> {
        let owned: Vec<i32> = self.lanes.iter().filter(|lane| lane.owned).map(|lane| lane.id).collect();
        if owned.is_empty() {
            return Ok((None, Vec::new()));
        }
        let mut connection = self.parts.database.acquire().await?;
        // In this order: what is counted in heads belongs to the history or to a later one, which the next look finds.
        let current = incarnation::current(&mut connection).await?;
        let rows = sqlx::query!(
            r#"SELECT lane, next_sequence - 1 AS "head!" FROM messaging.lane_heads WHERE lane = ANY($1::int4[])"#,
            &owned,
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok((current, rows.into_iter().map(|row| (self.index_of(row.lane), row.head)).collect()))
    }

    /// The database continues on another timeline. Records its new history without waiting for somebody who writes, so
    /// that consumers hear of it on quiet lanes as well.
    pub(super) async fn record_history(&self) -> Result<Uuid, Error> {
        let mut transaction = self.parts.database.begin().await?;
        let incarnation = incarnation::ensure(&mut transaction, &SystemIds).await?;
        transaction.commit().await?;
        tracing::warn!(%incarnation, "database continues on another timeline");
        Ok(incarnation)
    }

    /// Reads the lanes that are behind and hands what is read to the producer, a page of each at most.
    pub(super) async fn catch_up(&mut self) -> Result<(), Error> {
        let mut behind = false;
        for index in 0..self.lanes.len() {
            if !self.lanes[index].behind || !self.lanes[index].owned {
                continue;
            }
            if self.unacknowledged() > UNACKNOWLEDGED_MAX {
                behind = true;
                break;
            }
            let enqueued = self.lanes[index].enqueued;
            let rows = self.page(self.lanes[index].id, enqueued).await?;
            if rows.first().is_some_and(|row| row.sequence == enqueued + 1) {
                behind |= self.publish_page(index, rows);
            } else {
                behind |= self.skip_published(index).await?;
            }
        }
        self.behind = behind;
        Ok(())
    }

    /// True when there may be more.
    fn publish_page(&mut self, index: usize, rows: Vec<Row>) -> bool {
        let full_page = i64::try_from(rows.len()) == Ok(PAGE);
        let lane = &mut self.lanes[index];
        lane.behind = full_page;
        for row in rows {
            if row.sequence != lane.enqueued + 1 {
                // The next page begins with what is missing.
                lane.behind = true;
                return true;
            }
            let envelope = envelope!(row, self.parts.source.to_owned());
            if !lane.send(&self.producer, index, row.key, &envelope, &row.payload) {
                return true;
            }
        }
        full_page
    }

    /// The outbox does not have the next message of a lane, although its head says that there is one: then another replica
    /// has published it, long enough ago for it to be rotated out, or it is lost. True when there may be more.
    async fn skip_published(&mut self, index: usize) -> Result<bool, Error> {
        let published = self.published(&[index]).await?.pop();
        let lane = &mut self.lanes[index];
        match published {
            Some(published) if published.sequence > lane.enqueued => {
                lane.take_over(published.sequence);
                self.progress.raise(index, published.sequence);
            }
            _ => {
                lane.behind = false;
                lane.report_lack();
            }
        }
        Ok(self.lanes[index].behind)
    }

    async fn page(&self, lane: i32, after: i64) -> Result<Vec<Row>, Error> {
        // A range of sequences instead of LIMIT: there are no holes, so the work is bounded without a sort. Every slot
        // is asked, because a lane's messages may lie in two around a rotation.
        let mut rows = sqlx::query_as!(
            Row,
            "SELECT sequence, incarnation, key, id, message_type, happened_at, causation, traceparent, payload
               FROM messaging.outbox
              WHERE slot IN (0, 1, 2) AND lane = $1 AND sequence > $2 AND sequence <= $2 + $3",
            lane,
            after,
            PAGE,
        )
        .fetch_all(&mut *self.parts.database.acquire().await?)
        .await?;
        rows.sort_unstable_by_key(|row| row.sequence);
        Ok(rows)
    }

    /// How far these lanes are noted as published.
    pub(super) async fn published(&self, indices: &[usize]) -> Result<Vec<Published>, Error> {
        let lanes: Vec<i32> = indices.iter().map(|index| self.lanes[*index].id).collect();
        let rows = sqlx::query!(
            "SELECT lane, sequence FROM messaging.published WHERE lane = ANY($1::int4[])",
            &lanes
        )
        .fetch_all(&mut *self.parts.database.acquire().await?)
        .await?;
        let rows = rows.into_iter();
        Ok(rows.map(|row| Published { index: self.index_of(row.lane), sequence: row.sequence }).collect())
    }

    /// Begins to note how far the owned lanes are acknowledged; losing the note means publishing again, which is
    /// harmless. Publishing does not wait for it: a row that somebody has locked must not hold up the lanes.
    pub(super) fn begin_note(&mut self) {
        let Some(incarnation) = self.incarnation.filter(|_| self.noting.is_empty()) else { return };
        let news: Vec<(usize, i64)> = (0..self.lanes.len())
            .filter(|index| self.lanes[*index].owned)
            .map(|index| (index, self.progress.acknowledged(index)))
            .filter(|(index, acknowledged)| *acknowledged > self.lanes[*index].noted)
            .collect();
        if news.is_empty() {
            return;
        }
        let lanes: Vec<i32> = news.iter().map(|(index, _)| self.lanes[*index].id).collect();
        let sequences: Vec<i64> = news.iter().map(|(_, sequence)| *sequence).collect();
        reached(Point::AfterPublication);
        let database = self.parts.notes.clone();
        self.noting.spawn(async move {
            let noted = async {
                let mut connection = database.acquire().await?;
                sqlx::query!(
                    "UPDATE messaging.published p SET sequence = greatest(p.sequence, v.sequence)
                       FROM unnest($1::int4[], $2::int8[]) v(lane, sequence)
                      WHERE p.lane = v.lane
                        -- Who still publishes a history that is forgotten must not speak for the one after it.
                        AND EXISTS (SELECT FROM messaging.current_incarnation WHERE incarnation = $3)",
                    &lanes,
                    &sequences,
                    incarnation,
                )
                .execute(&mut *connection)
                .await?;
                Ok::<_, Error>(())
            };
            if let Err(error) = noted.await {
                tracing::debug!(error = error_text(&error), "progress was not noted");
                return Vec::new();
            }
            news
        });
    }

    /// A note has been written.
    pub(super) fn end_note(&mut self, noted: Vec<(usize, i64)>) {
        for (index, sequence) in noted {
            let lane = &mut self.lanes[index];
            lane.noted = lane.noted.max(sequence);
        }
    }
}
