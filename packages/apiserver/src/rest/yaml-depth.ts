/** How deep YAML may nest: found out from its tokens, since the parser would take minutes to fail on a body of brackets. */
import { badRequest } from '@kubets/api';
import { yamlLibrary } from '@kubets/platform';
import { MAX_YAML_DEPTH } from '../limits.ts';

/** The lexer's mark of a plain text: what follows it is no token, whatever it looks like. */
const SCALAR = '\u001f';

/** @throws ApiError BadRequest for brackets in brackets, or dashes after dashes in a line, beyond the limit */
export function checkYamlDepth(text: string): void {
  const { Lexer } = yamlLibrary();
  let brackets = 0;
  let dashes = 0;
  let isText = false;
  for (const token of new Lexer().lex(text)) {
    const wasText = isText;
    isText = token === SCALAR;
    if (wasText) continue;
    if (token === '[' || token === '{') brackets += 1;
    else if (token === ']' || token === '}') brackets = Math.max(0, brackets - 1);
    else if (token === '-' || token === '?') dashes += 1;
    else if (token === '\n' || token === '\r\n') dashes = 0;
    if (brackets > MAX_YAML_DEPTH || dashes > MAX_YAML_DEPTH) {
      throw badRequest('error converting YAML to JSON: yaml: exceeded max depth');
    }
  }
}
