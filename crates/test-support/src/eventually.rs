//! Waiting for something that happens in another process.

use std::time::Duration;

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Asks `probe` until it answers and returns the answer; panics with `what` when `deadline` has passed.
///
/// The pause between two questions is the only sleep that tests may hold: other processes offer no signal to wait for,
/// and asking without a pause would take the processor from them. No test is right or wrong by the length of it. The
/// deadline is there to end a run that hangs, so make it long.
pub async fn eventually<T>(what: &str, deadline: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = probe().await {
                return answer;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let answer = tokio::time::timeout(deadline, asking).await;
    answer.unwrap_or_else(|_| panic!("not within {deadline:?}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_answer_counts() {
        let mut questions = 0;
        let answer = eventually("the third question is answered", Duration::from_mins(1), async || {
            questions += 1;
            (questions == 3).then_some("yes")
        })
        .await;
        assert_eq!((answer, questions), ("yes", 3));
    }

    #[tokio::test]
    #[should_panic(expected = "not within 1ms: pigs fly")]
    async fn silence_ends_with_a_description() {
        eventually("pigs fly", Duration::from_millis(1), async || None::<()>).await;
    }
}
