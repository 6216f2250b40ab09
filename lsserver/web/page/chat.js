// The chat: a DISTINCT subscription, in which every update is a message, and a message to the server for what one writes.
// The server sends the history as the snapshot.

const KEPT = 200; // messages that stay in the page

/**
 * @param {import("../client/lsclient.js").Client} client
 * @param {HTMLElement} panel
 * @param {{counted(): void, failed(error: Error): void}} hooks
 */
export function startChat(client, panel, { counted, failed }) {
  const list = panel.querySelector(".messages");
  const scroll = panel.querySelector(".scroll");
  const empty = panel.querySelector(".empty");

  function clear() {
    list.replaceChildren();
    empty.hidden = false;
    scroll.setAttribute("aria-live", "off"); // the history is not read out
  }

  client.subscribe({
    mode: "DISTINCT",
    items: ["chat_room"],
    fields: ["message", "IP", "nick", "timestamp", "raw_timestamp"],
    dataAdapter: "CHAT_ROOM",
    onUpdate({ values }) {
      counted();
      const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40;
      list.append(makeMessage(values));
      while (list.childElementCount > KEPT) list.firstElementChild.remove();
      empty.hidden = true;
      if (atEnd) scroll.scrollTop = scroll.scrollHeight;
    },
    onSnapshotEnd() {
      scroll.setAttribute("aria-live", "polite");
      scroll.scrollTop = scroll.scrollHeight;
    },
    onClear: clear,
    onReset: clear,
    onError: failed,
  });

  const form = panel.querySelector("form");
  const input = form.querySelector("input");
  const outcome = form.querySelector(".outcome");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === "") return;
    input.value = "";
    outcome.textContent = "";
    outcome.classList.remove("bad");
    scroll.scrollTop = scroll.scrollHeight;
    try {
      await client.sendMessage(`CHAT|${text}`, { sequence: "chat" });
    } catch (error) {
      outcome.classList.add("bad");
      outcome.textContent = `Not sent: ${error.message}`;
      if (input.value === "") input.value = text;
    }
  });
}

function makeMessage({ message, IP, nick, timestamp, raw_timestamp: millis }) {
  const item = document.createElement("li");
  const name = shortName(nick ?? "");
  const face = document.createElement("span");
  face.className = `face c${colour(`${IP} ${nick}`)}`;
  face.setAttribute("aria-hidden", "true");
  face.textContent = (name[0] ?? "?").toUpperCase();
  const who = document.createElement("span");
  who.className = "who";
  who.title = nick ?? "";
  const bold = document.createElement("b");
  bold.textContent = name || "somebody";
  who.append(bold, [IP, time(millis) ?? timestamp].filter(Boolean).join(" \u00b7 "));
  const text = document.createElement("span");
  text.className = "text";
  text.textContent = message ?? "";
  item.append(face, who, text);
  return item;
}

function time(millis) {
  const date = new Date(Number(millis));
  if (!millis || Number.isNaN(date.getTime())) return null;
  const sameDay = date.toDateString() === new Date().toDateString();
  const clock = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return sameDay ? clock : `${date.toLocaleDateString()} ${clock}`;
}

const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["CriOS", "Chrome"],
  ["Safari", "Safari"], ["node", "Node.js"]];
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "Mac"],
  ["Linux", "Linux"]];

/** The server takes the name of the program as the nick: "Mozilla/5.0 (X11; Linux x86_64) ..." is "Chrome on Linux". */
function shortName(nick) {
  if (!nick.includes("/")) return nick;
  const find = (table) => table.find(([part]) => nick.includes(part))?.[1];
  const [browser, system] = [find(BROWSERS), find(SYSTEMS)];
  const number = / \[\d+\]$/.exec(nick)?.[0] ?? ""; // of several of the same kind
  const name = browser && system ? `${browser} on ${system}` : (browser ?? nick.split(/[/ ]/)[0]);
  return name + number;
}

function colour(text) {
  let hash = 0;
  for (const character of text) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  return hash % 6;
}
