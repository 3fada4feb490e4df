import { ConfigError } from '@kubets/platform';
import type { UserInfo } from '../ports.ts';

/**
 * Reads a static token file: one `token,user,uid[,"group1,group2"]` a line, CSV quoting, `#` comments.
 * @throws ConfigError naming the line that is wrong
 */
export function parseTokenFile(text: string, file: string): Map<string, UserInfo> {
  const users = new Map<string, UserInfo>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const where = `${file}:${index + 1}`;
    const [token = '', name = '', uid = '', groups = ''] = parseCsvLine(line, where);
    if (!token || !name) throw new ConfigError(`${where}: want token,user,uid[,"groups"]`);
    if (users.has(token)) throw new ConfigError(`${where}: the token is listed twice`);
    users.set(token, { name, uid, groups: splitGroups(groups), extra: {} });
  }
  return users;
}

const splitGroups = (text: string): string[] => (text === '' ? [] : text.split(','));

/** One CSV record: fields split by commas outside quotes, `""` within quotes is a quote. */
function parseCsvLine(line: string, where: string): string[] {
  const fields: string[] = [''];
  let quoted = false;
  for (const part of line.split(/(""|"|,)/)) {
    const last = fields.length - 1;
    if (part === '"') quoted = !quoted;
    else if (part === ',' && !quoted) fields.push('');
    else if (part === '""') fields[last] += quoted ? '"' : '';
    else fields[last] += part;
  }
  if (quoted) throw new ConfigError(`${where}: quotes do not match`);
  return fields.map((field) => field.trim());
}
