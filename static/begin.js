// Asks for what the first screen shows before the page is built, so that both come in one picture.

import { listen, loadRest } from "./events.js";
import { loadApps } from "./store.js";

/** Longer the page does not wait for the apps, in milliseconds. */
const PATIENCE = 300;

const apps = loadApps();
listen(apps.then(loadRest));
await Promise.race([apps, new Promise((done) => { setTimeout(done, PATIENCE); })]);
