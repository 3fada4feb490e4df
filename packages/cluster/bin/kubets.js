#!/usr/bin/env node
import { handOver } from './hand-over.js';

await handOver(process.argv.slice(2));
