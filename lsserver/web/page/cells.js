// Numbers that change in place.

const FADE_AFTER = 250; // milliseconds for which the colour of a change stays at its full strength

/** Make a table cell with these classes. */
export function cell(classes = "", kind = "td") {
  const element = document.createElement(kind);
  element.className = classes;
  return element;
}

/** Write a text, and touch the document only if it is another one. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const timers = new WeakMap();

/**
 * Write a number and, if it was another one before, let the cell light up: class `rose` or `fell`. The first
 * value does not light up.
 */
export function writeLive(element, text) {
  const before = Number.parseFloat(element.dataset.value);
  const now = Number.parseFloat(text);
  element.dataset.value = text ?? "";
  write(element, text ?? "");
  if (Number.isNaN(before) || Number.isNaN(now) || before === now) return;
  element.classList.toggle("rose", now > before);
  element.classList.toggle("fell", now < before);
  clearTimeout(timers.get(element));
  timers.set(element, setTimeout(() => element.classList.remove("rose", "fell"), FADE_AFTER));
}

const quantityFormat = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const moneyFormat = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** "12000" is "12,000"; what is no number stays as it is. */
export function quantity(text) {
  return text === null || text === "" || Number.isNaN(Number(text)) ? (text ?? "") : quantityFormat.format(Number(text));
}

export function money(number) {
  return moneyFormat.format(number);
}

/** "0.98" is "+0.98%"; a real minus sign is as wide as the plus. */
export function percent(text) {
  const number = Number.parseFloat(text);
  if (Number.isNaN(number)) return "";
  const sign = number > 0 ? "+" : number < 0 ? "\u2212" : "\u2007";
  return `${sign}${Math.abs(number).toFixed(2)}%`;
}
