/** What is wrong with a YAML text, in the words of the parser the stock server has. */
import type { yamlLibrary } from '@kubets/platform';

type ParsedDocument = ReturnType<ReturnType<typeof yamlLibrary>['parseDocument']>;
type YamlError = ParsedDocument['errors'][number];

interface Wording {
  readonly matches: RegExp;
  readonly says: string;
  /** Found while splitting the text into tokens: its line is counted from one there, others' from zero. */
  readonly isScanned: boolean;
}

const WORDINGS: readonly Wording[] = [
  { matches: /end with a \]/, says: "did not find expected ',' or ']'", isScanned: false },
  { matches: /end with a \}/, says: "did not find expected ',' or '}'", isScanned: false },
  {
    matches: /Nested mappings are not allowed/,
    says: 'mapping values are not allowed in this context',
    isScanned: true,
  },
  {
    matches: /Tabs are not allowed/,
    says: 'found character that cannot start any token',
    isScanned: true,
  },
  { matches: /closing ["'].*quote/, says: 'found unexpected end of stream', isScanned: true },
  { matches: /followed by map values/, says: "could not find expected ':'", isScanned: true },
  { matches: /same column|sequence item/, says: 'did not find expected key', isScanned: false },
];

/** One line, with where it is unless that is the first line. `line`: of the error, from one. */
export function yamlProblem({ message }: Pick<YamlError, 'message'>, line: number): string {
  const [first = ''] = message.split('\n', 1);
  const wording = WORDINGS.find(({ matches }) => matches.test(first));
  const says = wording?.says ?? first.replace(/ at line \d+, column \d+:?$/, '');
  const shown = wording?.isScanned === false ? line - 1 : line;
  return line > 1 ? `yaml: line ${shown}: ${says}` : `yaml: ${says}`;
}
