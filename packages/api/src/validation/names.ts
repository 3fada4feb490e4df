/** Rules for names, labels and keys; each returns the messages of what is wrong, in the stock server's words. */

const LABEL_FORMAT = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN_FORMAT = `${LABEL_FORMAT}(\\.${LABEL_FORMAT})*`;
const DNS1035_FORMAT = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED_FORMAT = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE_FORMAT = `(${QUALIFIED_FORMAT})?`;

const LABEL = new RegExp(`^${LABEL_FORMAT}$`);
const SUBDOMAIN = new RegExp(`^${SUBDOMAIN_FORMAT}$`);
const DNS1035 = new RegExp(`^${DNS1035_FORMAT}$`);
const QUALIFIED = new RegExp(`^${QUALIFIED_FORMAT}$`);
const LABEL_VALUE = new RegExp(`^${LABEL_VALUE_FORMAT}$`);

/** `must be no more than N characters`. */
export function maxLengthText(max: number): string {
  return `must be no more than ${max} characters`;
}

function regexText(message: string, format: string, ...examples: string[]): string {
  const list = examples.map((e) => `'${e}', `).join(' or ');
  const shown = examples.length > 0 ? `e.g. ${list}` : '';
  return `${message} (${shown}regex used for validation is '${format}')`;
}

const LABEL_TEXT = regexText(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  LABEL_FORMAT,
  'my-name',
  '123-abc',
);
const SUBDOMAIN_TEXT = regexText(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  SUBDOMAIN_FORMAT,
  'example.com',
);
const DNS1035_TEXT = regexText(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  DNS1035_FORMAT,
  'my-name',
  'abc-123',
);
const QUALIFIED_TEXT = regexText(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  QUALIFIED_FORMAT,
  'MyName',
  'my.name',
  '123-abc',
);
const LABEL_VALUE_TEXT = regexText(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  LABEL_VALUE_FORMAT,
  'MyValue',
  'my_value',
  '12345',
);

function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

function check(value: string, max: number, shape: RegExp, text: string): string[] {
  const out: string[] = [];
  if (byteLength(value) > max) out.push(maxLengthText(max));
  if (!shape.test(value)) out.push(text);
  return out;
}

/** DNS label (RFC 1123), at most 63 bytes. */
export function dns1123Label(value: string): string[] {
  const out: string[] = [];
  if (byteLength(value) > 63) out.push(maxLengthText(63));
  if (!LABEL.test(value)) {
    // A subdomain that is no label can only have dots too many.
    out.push(SUBDOMAIN.test(value) ? 'must not contain dots' : LABEL_TEXT);
  }
  return out;
}

/** DNS subdomain (RFC 1123), at most 253 bytes. */
export function dns1123Subdomain(value: string): string[] {
  return check(value, 253, SUBDOMAIN, SUBDOMAIN_TEXT);
}

/** DNS label that starts with a letter (RFC 1035): Service names. */
export function dns1035Label(value: string): string[] {
  return check(value, 63, DNS1035, DNS1035_TEXT);
}

/** A subdomain whose first label may be `*`. */
export function wildcardSubdomain(value: string): string[] {
  const format = `\\*\\.${SUBDOMAIN_FORMAT}`;
  const text = regexText(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    format,
    '*.example.com',
  );
  return check(value, 253, new RegExp(`^${format}$`), text);
}

/** `[prefix/]name`: label keys, annotation keys, taint keys, finalizers, resource names. */
export function qualifiedName(value: string): string[] {
  const parts = value.split('/');
  const out: string[] = [];
  let name = parts[0] ?? '';
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    name = parts[1] ?? '';
    if (prefix === '') out.push('prefix part must be non-empty');
    else out.push(...dns1123Subdomain(prefix).map((m) => `prefix part ${m}`));
  } else if (parts.length > 2) {
    const what = `a qualified name ${QUALIFIED_TEXT}`;
    return [`${what} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  if (name === '') out.push('name part must be non-empty');
  else if (byteLength(name) > 63) out.push(`name part ${maxLengthText(63)}`);
  if (!QUALIFIED.test(name)) out.push(`name part ${QUALIFIED_TEXT}`);
  return out;
}

export function labelValue(value: string): string[] {
  return check(value, 63, LABEL_VALUE, LABEL_VALUE_TEXT);
}

/** A name that is one segment of a URL path: RBAC objects and the like. */
export function pathSegmentName(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((c) => value.includes(c)).map((c) => `may not contain '${c}'`);
}

/** The same for a `generateName`, which may be `.` plus a suffix. */
export function pathSegmentPrefix(value: string): string[] {
  return ['/', '%'].filter((c) => value.includes(c)).map((c) => `may not contain '${c}'`);
}

/** A key of ConfigMap or Secret data. */
export function configMapKey(value: string): string[] {
  const out: string[] = [];
  if (byteLength(value) > 253) out.push(maxLengthText(253));
  if (!/^[-._a-zA-Z0-9]+$/.test(value)) {
    out.push(
      regexText(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        '[-._a-zA-Z0-9]+',
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  }
  if (value === '.') out.push("must not be '.'");
  if (value === '..') out.push("must not be '..'");
  else if (value.startsWith('..')) out.push("must not start with '..'");
  return out;
}

/** The name of an environment variable: any printable ASCII but `=`. */
export function envVarName(value: string): string[] {
  const out: string[] = [];
  if (value === '') out.push('environment variable name must be non-empty');
  if (!/^[\x20-\x3c\x3e-\x7e]+$/.test(value)) {
    out.push(
      "a valid environment variable name must consist only of printable ASCII characters other than '='",
    );
  }
  return out;
}

/** A C identifier. */
export function cIdentifier(value: string): string[] {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(value)) return [];
  return [
    regexText(
      "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
      '[A-Za-z_][A-Za-z0-9_]*',
      'my_name',
      'MY_NAME',
      'MyName',
    ),
  ];
}

/** Why a condition is as it is: one word. */
export function conditionReason(value: string): string[] {
  if (/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/.test(value)) return [];
  return [
    regexText(
      "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
      '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?',
      'my_name',
      'MY_NAME',
      'MyName',
      'ReasonA,ReasonB',
      'ReasonA:ReasonB',
    ),
  ];
}

export function portNumber(value: number): string[] {
  return value >= 1 && value <= 65535 ? [] : ['must be between 1 and 65535, inclusive'];
}

/** The name of a port: at most 15 characters, a letter among them. */
export function portName(value: string): string[] {
  const out: string[] = [];
  if (byteLength(value) > 15) out.push(maxLengthText(15));
  if (!/^[-a-z0-9]+$/.test(value)) {
    out.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) out.push('must contain at least one letter (a-z)');
  if (value.includes('--')) out.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) {
    out.push('must not begin or end with a hyphen');
  }
  return out;
}
