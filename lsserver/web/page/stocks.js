// The stock list: one MERGE subscription to thirty items. An update brings the fields that have changed.

import { cell, percent, quantity, write, writeLive } from "./cells.js";

export const ITEMS = Array.from({ length: 30 }, (_, i) => `item${i + 1}`);

const FIELDS = ["stock_name", "last_price", "time", "pct_change", "bid_quantity", "bid", "ask", "ask_quantity", "min", "max",
  "ref_price", "open_price", "item_status"];

/** The cells of a row, in the order of the columns: field, classes, and how it is shown. */
const COLUMNS = [
  ["last_price", "live last", writeLive],
  ["pct_change", "", writeChange],
  ["time", "w2 quiet", write],
  ["bid_quantity", "w4 quiet", (element, text) => write(element, quantity(text))],
  ["bid", "w1 live", writeLive],
  ["ask", "w1 live", writeLive],
  ["ask_quantity", "w4 quiet", (element, text) => write(element, quantity(text))],
  ["open_price", "w5 quiet", write],
  ["ref_price", "w5 quiet", write],
  ["min", "w3 quiet", write],
  ["range", "w3 range", () => {}],
  ["max", "w3 quiet", write],
];

/**
 * @param {import("../client/lsclient.js").Client} client
 * @param {HTMLElement} panel
 * @param {{counted(): void, named(item: string, name: string): void, failed(error: Error): void}} hooks
 */
export function startStocks(client, panel, { counted, named, failed }) {
  const rows = new Map(ITEMS.map((item) => [item, makeRow(item)]));
  panel.querySelector("tbody").append(...[...rows.values()].map(({ element }) => element));
  client.subscribe({
    mode: "MERGE",
    items: ITEMS,
    fields: FIELDS,
    dataAdapter: "QUOTE_ADAPTER",
    onUpdate({ item, values, changed }) {
      counted();
      show(rows.get(item), values, changed);
      if (changed.has("stock_name") && values.stock_name) named(item, values.stock_name);
    },
    onError: failed,
  });
}

function makeRow(item) {
  const element = document.createElement("tr");
  element.dataset.item = item;
  const name = cell("name", "th");
  name.scope = "row";
  name.textContent = "\u2026";
  element.append(name);
  const cells = new Map();
  for (const [field, classes] of COLUMNS) {
    const td = cell(classes);
    td.dataset.field = field;
    cells.set(field, td);
    element.append(td);
  }
  const marker = drawRange(cells.get("range"));
  return { element, name, cells, marker };
}

function show({ element, name, cells, marker }, values, changed) {
  if (changed.has("stock_name")) {
    write(name, values.stock_name ?? "");
    name.title = values.stock_name ?? "";
  }
  if (changed.has("item_status")) element.classList.toggle("inactive", values.item_status === "inactive");
  for (const [field, , writeField] of COLUMNS) {
    if (changed.has(field)) writeField(cells.get(field), values[field] ?? "");
  }
  if (changed.has("last_price") || changed.has("min") || changed.has("max")) placeMarker(marker, values);
}

function writeChange(element, text) {
  write(element, percent(text));
  element.classList.toggle("gain", Number.parseFloat(text) > 0);
  element.classList.toggle("loss", Number.parseFloat(text) < 0);
}

const SVG = "http://www.w3.org/2000/svg";

/** A line from the lowest to the highest price of the day, and a dot where the last price is. */
function drawRange(element) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 80 12");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "line");
  for (const [name, value] of Object.entries({ x1: 4, x2: 76, y1: 6, y2: 6 })) line.setAttribute(name, value);
  const dot = document.createElementNS(SVG, "circle");
  for (const [name, value] of Object.entries({ cx: 40, cy: 6, r: 3.5 })) dot.setAttribute(name, value);
  svg.append(line, dot);
  element.append(svg);
  return dot;
}

function placeMarker(dot, { last_price: last, min, max }) {
  const place = (Number(last) - Number(min)) / (Number(max) - Number(min));
  dot.setAttribute("cx", String(4 + 72 * (Number.isFinite(place) ? Math.min(1, Math.max(0, place)) : 0.5)));
}
