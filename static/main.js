// The beginning: what the service knows and what happens there, and the parts of the page.

import "./begin.js";
import "./page-shell.js";
