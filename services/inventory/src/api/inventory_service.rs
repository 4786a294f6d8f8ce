//! `bowline.inventory.v1.InventoryService`.

use bowline_contracts::convert::timestamp;
use bowline_contracts::inventory::v1::inventory_service_server::InventoryService;
use bowline_contracts::inventory::v1::{
    self, AdjustStockRequest, AdjustStockResponse, GetStockRequest, GetStockResponse, ListMovementsRequest,
    ListMovementsResponse,
};
use bowline_database::Database;
use bowline_idempotency::{Fingerprint, Request as Keyed};
use bowline_inventory_domain::{AdjustStock, Adjustment, MovementKind};
use bowline_kernel::{OrderId, RequestId, Sku};
use bowline_messaging::Commands;
use bowline_service::{ApiError, Violations, command_failed, encode_page_token};
use prost::Message as _;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::answers;
use crate::app::adjust_stock::stock_level;
use crate::app::queries::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, movements, stock};
use crate::app::{Action, Command, Reply};
use crate::infra::Entry;

/// Stock over gRPC.
#[derive(Debug, Clone)]
pub(crate) struct InventoryApi {
    commands: Commands<Command, Reply>,
    reads: Database,
}

impl InventoryApi {
    /// Writes go to `commands`, reads to `reads`.
    pub(crate) fn new(commands: Commands<Command, Reply>, reads: Database) -> Self {
        Self { commands, reads }
    }
}

#[tonic::async_trait]
impl InventoryService for InventoryApi {
    async fn get_stock(
        &self,
        request: Request<GetStockRequest>,
    ) -> Result<Response<GetStockResponse>, Status> {
        let mut violations = Violations::new();
        let sku = violations.take("sku", request.into_inner().sku.parse::<Sku>());
        let sku = violations.finish_with(sku)?;
        let found = stock::get_stock(&self.reads, &sku).await.map_err(answers::not_read)?;
        let level = found.ok_or_else(|| answers::unknown_sku(&sku))?;
        Ok(Response::new(GetStockResponse { level: Some(stock_level(&sku, level)) }))
    }

    async fn adjust_stock(
        &self,
        request: Request<AdjustStockRequest>,
    ) -> Result<Response<AdjustStockResponse>, Status> {
        let request = request.into_inner();
        let skus: Vec<String> = request.adjustments.iter().map(|adjustment| adjustment.sku.clone()).collect();
        let command = read_adjustment(request)?;
        let reply = self.commands.execute(command).await.map_err(command_failed)?;
        let field = |place: usize| (format!("adjustments[{place}].sku"), skus[place].clone());
        Ok(Response::new(answers::response(reply, field)?))
    }

    async fn list_movements(
        &self,
        request: Request<ListMovementsRequest>,
    ) -> Result<Response<ListMovementsResponse>, Status> {
        const METHOD: &str = "ListMovements";
        let request = request.into_inner();
        let mut violations = Violations::new();
        let sku = violations.take("sku", request.sku.parse::<Sku>());
        let size = violations.page_size(request.page_size, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX);
        let after: Option<Uuid> = violations.page_token(&request.page_token, METHOD, &request.sku);
        let (sku, size) = violations.finish_with(sku.zip(size))?;
        let page = movements::list_movements(&self.reads, &sku, after.unwrap_or_default(), size)
            .await
            .map_err(answers::not_read)?
            .ok_or_else(|| answers::unknown_sku(&sku))?;
        let last = page.items.last().filter(|_| page.more).map(|entry| entry.id);
        Ok(Response::new(ListMovementsResponse {
            next_page_token: last.map(|id| encode_page_token(METHOD, &request.sku, &id)).unwrap_or_default(),
            movements: page.items.into_iter().map(write_movement).collect(),
        }))
    }
}

fn read_adjustment(mut request: AdjustStockRequest) -> Result<Command, ApiError> {
    let mut violations = Violations::new();
    let key = violations.uuid("request_id", &request.request_id);
    request.request_id.clear();
    let fingerprint = Fingerprint::of("AdjustStock", &request.encode_to_vec());
    let adjustments = request.adjustments.iter().enumerate().map(|(index, adjustment)| {
        let sku = violations.take(&format!("adjustments[{index}].sku"), adjustment.sku.parse());
        // What is malformed is replaced for the check, so that the faults of the other fields are named as well.
        let stand_in = || format!("malformed {index}").parse().expect("plain text is a SKU");
        Adjustment { sku: sku.unwrap_or_else(stand_in), delta: adjustment.delta }
    });
    let checked = AdjustStock::new(adjustments.collect(), &request.reason);
    for fault in checked.as_ref().err().into_iter().flatten() {
        violations.add(&fault.field, format!("must be {}", fault.expected));
    }
    let (command, key) = violations.finish_with(checked.ok().zip(key))?;
    let request = Keyed { key: RequestId::new(key), fingerprint };
    Ok(Command { request, action: Action::AdjustStock(command) })
}

fn write_movement(entry: Entry) -> v1::Movement {
    let Entry { id, movement, recorded_at } = entry;
    v1::Movement {
        movement_id: id.to_string(),
        sku: movement.sku.into(),
        kind: write_kind(movement.kind).into(),
        available_delta: movement.available_delta,
        reserved_delta: movement.reserved_delta,
        sold_delta: movement.sold_delta,
        order_id: movement.order_id.as_ref().map(OrderId::to_string).unwrap_or_default(),
        reason: movement.reason.as_ref().map(ToString::to_string).unwrap_or_default(),
        record_time: Some(timestamp(recorded_at)),
    }
}

fn write_kind(kind: MovementKind) -> v1::MovementKind {
    match kind {
        MovementKind::Adjustment => v1::MovementKind::Adjustment,
        MovementKind::Reservation => v1::MovementKind::Reservation,
        MovementKind::Commit => v1::MovementKind::Commit,
        MovementKind::Release => v1::MovementKind::Release,
        MovementKind::Restock => v1::MovementKind::Restock,
    }
}
