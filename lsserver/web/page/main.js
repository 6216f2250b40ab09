// Puts the page together. A session belongs to one adapter set, so each panel has a client, with a session, of its own.

import { Client } from "../client/lsclient.js";
import { startChat } from "./chat.js";
import { ConnectionDisplay, startRate, startTransportSwitch } from "./connection.js";
import { startPortfolio } from "./portfolio.js";
import { startStocks } from "./stocks.js";

// The page may be served under a prefix; the server is where the page comes from.
const server = new URL(".", document.baseURI).href;
const display = new ConnectionDisplay();
const counted = startRate(document.getElementById("rate"));

function open(panelId, adapterSet) {
  const panel = document.getElementById(panelId);
  const client = new Client({ server, adapterSet, onStatus: (status) => display.show(panel, status) });
  const failed = (error) => {
    const problem = panel.querySelector(".problem");
    problem.textContent = `The server refused the subscription: ${error.message}`;
    problem.hidden = false;
  };
  return { panel, client, hooks: { counted, failed } };
}

const stocks = open("stocks", "DEMO");
const portfolio = open("portfolio", "FULLPORTFOLIODEMO");
const chat = open("chat", "CHAT");
const clients = [stocks.client, portfolio.client, chat.client];

const { named } = startPortfolio(portfolio.client, portfolio.panel, portfolio.hooks);
startStocks(stocks.client, stocks.panel, { ...stocks.hooks, named });
startChat(chat.client, chat.panel, chat.hooks);

startTransportSwitch(document.getElementById("transports"), (choice) => {
  for (const client of clients) client.useTransport(choice);
});

for (const client of clients) client.connect();

// Say good-bye when the page goes, and come back if the browser brings it out of its cache.
addEventListener("pagehide", () => clients.forEach((client) => client.disconnect()));
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) clients.forEach((client) => client.connect());
});

// On a phone one panel is shown at a time.
const views = [...document.querySelectorAll(".views button")];
for (const button of views) {
  button.addEventListener("click", () => {
    document.body.dataset.view = button.dataset.view;
    for (const other of views) other.setAttribute("aria-pressed", String(other === button));
  });
}
