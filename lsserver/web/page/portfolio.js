// The portfolio: a COMMAND item says which stocks there are and how many; for each of them a second subscription brings
// the name and the price. Orders are messages.

import { subscribeRows } from "../client/rows.js";
import { cell, money, quantity, write, writeLive } from "./cells.js";
import { ITEMS } from "./stocks.js";

const PORTFOLIO = "portfolio1";

/**
 * @param {import("../client/lsclient.js").Client} client
 * @param {HTMLElement} panel
 * @param {{counted(): void, failed(error: Error): void}} hooks
 * @returns {{named(item: string, name: string): void}} to tell the name of a stock, for the list of the order form
 */
export function startPortfolio(client, panel, { counted, failed }) {
  const body = panel.querySelector("tbody");
  const empty = panel.querySelector(".empty");
  const total = panel.querySelector("#total");
  const order = startOrders(client, panel.querySelector("form"));
  const rows = new Map();

  function sum() {
    let value = 0;
    for (const row of rows.values()) value += row.value;
    write(total, money(value));
    empty.hidden = rows.size > 0;
  }

  subscribeRows(client, {
    item: PORTFOLIO,
    fields: ["key", "command", "qty"],
    dataAdapter: "PORTFOLIO_ADAPTER",
    second: { fields: ["stock_name", "last_price"], dataAdapter: "QUOTE_ADAPTER" },
    onRow(key, values) {
      counted();
      if (!rows.has(key)) {
        rows.set(key, makeRow(key, order));
        insertInOrder(body, rows.get(key).element);
      }
      show(rows.get(key), key, values);
      sum();
    },
    onRemove(key) {
      rows.get(key)?.element.remove();
      rows.delete(key);
      sum();
    },
    onError: failed,
  });

  return { named: order.named };
}

function makeRow(key, order) {
  const element = document.createElement("tr");
  element.dataset.key = key;
  const name = cell("name", "th");
  name.scope = "row";
  const price = cell("live");
  const count = cell("live");
  const value = cell("w1");
  const actions = cell("actions");
  const buttons = [["BUY", "+", "Buy"], ["SELL", "\u2212", "Sell"]].map(([side, sign, verb]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    button.dataset.verb = verb;
    button.dataset.side = side;
    button.addEventListener("click", () => order.send(side, key));
    return button;
  });
  actions.append(...buttons);
  element.append(name, price, count, value, actions);
  return { element, name, price, count, valueCell: value, buttons, value: 0 };
}

function show(row, key, { stock_name: stockName, last_price: price, qty }) {
  const name = stockName ?? key;
  write(row.name, name);
  writeLive(row.price, price);
  writeLive(row.count, qty);
  write(row.count, quantity(qty));
  row.value = (Number(price) || 0) * (Number(qty) || 0);
  write(row.valueCell, price === null ? "" : money(row.value));
  for (const button of row.buttons) button.setAttribute("aria-label", `${button.dataset.verb} ${name}`);
}

/** item2 stands before item10. */
function insertInOrder(body, element) {
  const number = (row) => ITEMS.indexOf(row.dataset.key);
  const next = [...body.children].find((row) => number(row) > number(element));
  body.insertBefore(element, next ?? null);
}

/** The form that buys and sells. */
function startOrders(client, form) {
  const select = form.querySelector("select");
  const count = form.querySelector("input");
  const outcome = form.querySelector(".outcome");
  const options = new Map(ITEMS.map((item) => [item, new Option(item, item)]));
  select.append(...options.values());

  async function send(side, item) {
    if (!count.reportValidity()) return;
    const what = `${side === "BUY" ? "Buy" : "Sell"} ${quantity(count.value)} \u00d7 ${options.get(item)?.text ?? item}`;
    outcome.classList.remove("bad");
    outcome.textContent = `${what}\u2026`;
    try {
      const answer = await client.sendMessage(`${side}|${PORTFOLIO}|${item}|${count.value}`, { sequence: "orders" });
      outcome.textContent = `${what}: ${answer ? answer.toLowerCase() : "done"}`;
    } catch (error) {
      outcome.classList.add("bad");
      outcome.textContent = `${what}: ${error.message}`;
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.submitter?.value ?? "BUY", select.value);
  });

  return {
    send,
    named(item, name) {
      options.get(item).text = name;
    },
  };
}
