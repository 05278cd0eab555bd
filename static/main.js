// The beginning: the parts of the page, and the stream of what happens.

import "./page-shell.js";
import { listen, loadAll } from "./events.js";

loadAll();
listen();
