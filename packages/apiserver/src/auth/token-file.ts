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

function parseCsvLine(line: string, where: string): string[] {
  const fields: string[] = [];
  const pattern = /(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/gy;
  let end = 0;
  for (let match = pattern.exec(line); match; match = pattern.exec(line)) {
    fields.push(match[1] === undefined ? (match[2] ?? '').trim() : match[1].replaceAll('""', '"'));
    end = pattern.lastIndex;
    if (end === line.length) break;
  }
  if (end !== line.length) throw new ConfigError(`${where}: quotes do not match`);
  return fields;
}
