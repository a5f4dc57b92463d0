//! The order tool: what a guest has settled on, at the prices of the menu.

mod menu;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use validator::Validate;

use self::menu::{Menu, MenuItem, one_house};
use super::paging::read_all;
use super::{Plan, ToolContext, ToolError, WriteTool};
use crate::id::{BusinessId, CallId};
use crate::store::record::NameError;
use crate::store::{Cells, Change, Row, Select, Tenant};

/// Menus of more items than this are refused.
const MOST_ITEMS: usize = 5_000;

/// An order as the model asks for it. It names no price: those are the menu's.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// What is ordered: one entry per dish or drink.
    #[validate(length(min = 1, max = 40), nested)]
    items: Vec<OrderLine>,
    /// The table it is brought to, such as 5 or terrace 2.
    #[validate(length(min = 1, max = 40))]
    table: Option<String>,
    /// Who picks it up, when it is not brought to a table.
    #[validate(length(min = 1, max = 80))]
    pickup_name: Option<String>,
    /// What the guest asks for besides, such as: no onions.
    #[validate(length(min = 1, max = 300))]
    note: Option<String>,
}

// `validator` tells what is wrong with a list by what is in it.
#[derive(Debug, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
struct OrderLine {
    /// The id of the menu item, or its name as the menu has it
    #[validate(length(min = 1, max = 120))]
    item: String,
    /// How many
    #[validate(range(min = 1, max = 50))]
    quantity: u32,
}

impl WriteTool for PlaceOrder {
    const NAME: &'static str = "place_order";
    const DESCRIPTION: &'static str = "Places an order of menu items with the kitchen and the bar. Before you call \
        it, read the order back, ask for the table or a name for pickup, and get a yes. Prices are the menu's. Returns \
        the order's number, its lines with their prices, and the total.";

    async fn plan(self, context: ToolContext) -> Result<Plan, ToolError> {
        let select = menu_select(context.tenant.clone())?;
        let too_many = "there are too many items on the menu to look through";
        let rows = read_all(&context.store, select, &"id".parse()?, MOST_ITEMS, too_many).await?;
        let menu = Menu::new(&rows);
        let id = Uuid::now_v7().to_string();
        let number = fastrand::u16(1_000..10_000).to_string();
        Ok(self.order(&menu, &id, &number, &context.call_id)?)
    }
}

/// Why an order cannot be placed as it is.
#[derive(Debug)]
enum OrderError {
    Refused(String),
    Name(NameError),
}

impl From<NameError> for OrderError {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl From<OrderError> for ToolError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Refused(why) => Self::Refused(why),
            OrderError::Name(error) => error.into(),
        }
    }
}

fn menu_select(tenant: Tenant) -> Result<Select, NameError> {
    let columns = ["id", "business_id", "venue", "name", "price", "currency", "available"];
    Ok(Select {
        from: "menu_items".parse()?,
        tenant,
        columns: columns.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
        all: Vec::new(),
        any: Vec::new(),
        order: Vec::new(),
        limit: 1,
    })
}

/// A line with what the menu says of it.
struct Priced<'m> {
    item: &'m MenuItem,
    quantity: u32,
    total: Decimal,
}

impl PlaceOrder {
    fn order(&self, menu: &Menu, id: &str, number: &str, call_id: &CallId) -> Result<Plan, OrderError> {
        let lines = self.priced(menu)?;
        let house = one_house(lines.iter().map(|line| line.item)).map_err(OrderError::Refused)?;
        let total = lines.iter().try_fold(Decimal::ZERO, |sum, line| sum.checked_add(line.total));
        let total = total.ok_or_else(too_much)?;
        let mut changes = vec![insert(
            "orders",
            json!({
                "id": id, "call_id": call_id, "number": number, "table_name": self.table,
                "pickup_name": self.pickup_name, "note": self.note,
                "total": total.to_string(), "currency": house.currency,
            }),
        )?];
        for (place, Priced { item, quantity, total }) in lines.iter().enumerate() {
            changes.push(insert(
                "order_items",
                json!({
                    "order_id": id, "line": place + 1, "item_id": item.id, "name": item.name,
                    "quantity": quantity, "unit_price": item.price.to_string(),
                    "line_total": total.to_string(), "currency": item.currency,
                }),
            )?);
        }
        let output = json!({
            "done": true,
            "order_id": id,
            "number": number,
            "venue": house.venue,
            "table": self.table,
            "pickup_name": self.pickup_name,
            "lines": lines.iter().map(Priced::shown).collect::<Vec<_>>(),
            "total": total.to_string(),
            "currency": house.currency,
            "note": "the order is placed: tell the guest its number and the total",
        });
        let business_id = Some(BusinessId::from(house.business_id.as_str()));
        Ok(Plan { business_id, changes, output: fields(output), row_as: None })
    }

    fn priced<'m>(&self, menu: &'m Menu) -> Result<Vec<Priced<'m>>, OrderError> {
        let price = |line: &OrderLine| {
            let item = menu.find(&line.item).map_err(OrderError::Refused)?;
            let total = item.price.checked_mul(Decimal::from(line.quantity)).ok_or_else(too_much)?;
            Ok(Priced { item, quantity: line.quantity, total })
        };
        self.items.iter().map(price).collect()
    }
}

impl Priced<'_> {
    fn shown(&self) -> Value {
        json!({
            "name": self.item.name,
            "quantity": self.quantity,
            "unit_price": self.item.price.to_string(),
            "line_total": self.total.to_string(),
        })
    }
}

fn too_much() -> OrderError {
    OrderError::Refused("the sum is beyond what can be counted".to_owned())
}

/// A new row of a business; what is null is left to the database.
fn insert(table: &str, row: Value) -> Result<Change, NameError> {
    let row = fields(row).into_iter().filter(|(_, value)| !value.is_null());
    let row = row.map(|(name, value)| Ok((name.parse()?, value))).collect::<Result<Cells, NameError>>()?;
    Ok(Change::Insert { table: table.parse()?, tenant: true, row, returning: Vec::new() })
}

fn fields(value: Value) -> Row {
    match value {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Row::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn menu() -> Menu {
        let item = |id: &str, name: &str, price: &str, house: &str, currency: &str| {
            let row = json!({"id": id, "business_id": house, "venue": house, "name": name, "price": price,
                "currency": currency, "available": true});
            row.as_object().unwrap().clone()
        };
        Menu::new(&[
            item("m-1", "Mützig, 65 cl", "2000", "kigali", "RWF"),
            item("m-2", "Goat brochette", "3500", "kigali", "RWF"),
            item("m-3", "Ftira", "7.50", "valletta", "EUR"),
        ])
    }

    fn ordered(items: &Value) -> Result<Plan, String> {
        let order: PlaceOrder = serde_json::from_value(json!({"items": items, "table": "5"})).unwrap();
        order.order(&menu(), "o-1", "4711", &CallId::default_call()).map_err(|error| match error {
            OrderError::Refused(why) => why,
            OrderError::Name(error) => error.to_string(),
        })
    }

    #[test]
    fn prices_are_the_menus_and_lines_add_up() {
        let plan =
            ordered(&json!([{"item": "mutzig", "quantity": 2}, {"item": "m-2", "quantity": 1}])).unwrap();
        assert_eq!((&plan.output["total"], &plan.output["currency"]), (&json!("7500"), &json!("RWF")));
        assert_eq!(plan.output["lines"][0]["unit_price"], "2000");
        assert_eq!(plan.business_id, Some("kigali".into()));
        assert_eq!(plan.changes.len(), 3);
        let decimals = ordered(&json!([{"item": "Ftira", "quantity": 3}])).unwrap();
        assert_eq!(decimals.output["total"], "22.50");
    }

    #[test]
    fn an_order_is_of_one_house() {
        let why = ordered(&json!([{"item": "Ftira", "quantity": 1}, {"item": "m-2", "quantity": 1}]));
        assert!(why.unwrap_err().contains("two orders"));
    }

    #[test]
    fn a_price_of_the_model_is_no_argument() {
        let order = json!({"items": [{"item": "m-1", "quantity": 1, "price": "1"}]});
        assert!(serde_json::from_value::<PlaceOrder>(order).is_err());
    }

    proptest! {
        #[test]
        fn the_total_is_the_sum_of_the_lines(quantities in proptest::collection::vec(1u32..=50, 1..6)) {
            let items: Vec<_> = quantities.iter().map(|n| json!({"item": "m-2", "quantity": n})).collect();
            let plan = ordered(&items.into()).unwrap();
            prop_assert_eq!(&plan.output["total"], &json!((quantities.iter().sum::<u32>() * 3500).to_string()));
        }
    }
}
