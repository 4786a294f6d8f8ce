use super::*;
use crate::{Level, LevelChange};

fn sku(name: &str) -> Sku {
    name.parse().unwrap()
}

fn adjust(adjustments: &[(&str, i64)], reason: &str) -> AdjustStock {
    let adjustments = adjustments.iter().map(|(name, delta)| Adjustment { sku: sku(name), delta: *delta });
    AdjustStock::new(adjustments.collect(), reason).unwrap()
}

#[test]
fn available_units_come_and_go_and_leave_a_movement() {
    let before = Level::new(5, 2, 1).unwrap();
    let mut levels = Levels::new([(sku("A"), before)]);
    let movements = levels.adjust(&adjust(&[("A", -5), ("NEW", 3)], "stocktaking")).unwrap();

    let moved: Vec<_> = movements.iter().map(|m| (m.sku.as_str(), m.available_delta)).collect();
    assert_eq!(moved, [("A", -5), ("NEW", 3)]);
    for movement in &movements {
        assert_eq!(movement.kind, MovementKind::Adjustment);
        assert_eq!((movement.reserved_delta, movement.sold_delta, movement.order_id), (0, 0, None));
        assert_eq!(movement.reason.as_ref().map(Reason::as_str), Some("stocktaking"));
    }
    assert_eq!(
        levels.changes(),
        [
            LevelChange { sku: sku("A"), before, after: Level::new(0, 2, 1).unwrap() },
            LevelChange { sku: sku("NEW"), before: Level::ZERO, after: Level::new(3, 0, 0).unwrap() },
        ]
    );
}

#[test]
fn one_refused_adjustment_refuses_all() {
    let mut levels = Levels::new([(sku("A"), Level::new(5, 9, 9).unwrap())]);
    let refused = levels.adjust(&adjust(&[("B", 10), ("A", -6)], ""));
    let reason = AdjustmentRejection::WouldGoNegative { sku: sku("A"), available: 5, delta: -6 };
    assert_eq!(refused, Err(reason));
    assert_eq!(levels.changes(), []);
    assert_eq!(levels.get(&sku("B")), Level::ZERO);
}

#[test]
fn a_sku_without_a_level_has_nothing_to_remove() {
    let refused = Levels::default().adjust(&adjust(&[("A", -1)], ""));
    let reason = AdjustmentRejection::WouldGoNegative { sku: sku("A"), available: 0, delta: -1 };
    assert_eq!(refused, Err(reason));
}

#[test]
fn units_that_cannot_be_counted_are_refused() {
    for level in [Level::new(1, 0, 0), Level::new(0, 1, 0), Level::new(0, 0, 1)].map(Option::unwrap) {
        let mut levels = Levels::new([(sku("A"), level)]);
        let refused = levels.adjust(&adjust(&[("A", i64::MAX)], ""));
        let available = level.available();
        let reason = AdjustmentRejection::Overflow { sku: sku("A"), available, delta: i64::MAX };
        assert_eq!(refused, Err(reason));
    }
    let mut levels = Levels::default();
    assert!(levels.adjust(&adjust(&[("A", i64::MAX)], "")).is_ok());
    let refused = levels.adjust(&adjust(&[("A", i64::MIN)], ""));
    assert!(matches!(refused, Err(AdjustmentRejection::WouldGoNegative { .. })));
}

#[test]
fn every_malformed_field_is_named() {
    let adjustments = [("A", 1), ("B", 0), ("A", 2)];
    let adjustments = adjustments.map(|(name, delta)| Adjustment { sku: sku(name), delta });
    let faults = AdjustStock::new(adjustments.into(), &"x".repeat(201)).unwrap_err();
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["adjustments[1].delta", "adjustments[2].sku", "reason"]);
    assert_eq!(faults[0].to_string(), "adjustments[1].delta must be different from 0");
}

#[test]
fn the_number_of_adjustments_is_limited() {
    let many = |count: usize| {
        let numbered = (0..count).map(|n| Adjustment { sku: sku(&n.to_string()), delta: 1 });
        AdjustStock::new(numbered.collect(), "")
    };
    assert!(many(1).is_ok() && many(AdjustStock::MAX_ADJUSTMENTS).is_ok());
    for count in [0, AdjustStock::MAX_ADJUSTMENTS + 1] {
        assert_eq!(many(count).unwrap_err()[0].field, "adjustments");
    }
}

#[test]
fn a_reason_is_short_plain_text() {
    assert!(Reason::new(&"ü".repeat(200)).is_some());
    for malformed in ["", "a\0b", &"x".repeat(201)] {
        assert_eq!(Reason::new(malformed), None);
    }
}
