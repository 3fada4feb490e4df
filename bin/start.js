#!/usr/bin/env node
import { handOver } from '../packages/cluster/bin/hand-over.js';
// `npm start`: plain JavaScript for any Node.js from 20 on. Installs what is missing, then hands over to `kubets up`.
import { setUp } from '../scripts/set-up.js';

await setUp();
await handOver(['up', ...process.argv.slice(2)]);
