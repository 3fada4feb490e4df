/**
 * Whom a PKCS#10 request is about. Reads just enough DER: the request's info, its subject, and in it the attributes of one
 * object identifier: 2.5.4.10 for organisations, 2.5.4.3 for the common name.
 */
const ORGANIZATION_OID = '55040a';
const NAME_OID = '550403';

interface Element {
  readonly tag: number;
  readonly body: Buffer;
  readonly end: number;
}

/** The organisations (group names) asked for. @returns undefined when the text is no certificate request */
export function requestedOrganizations(pem: string): string[] | undefined {
  return attributesOf(pem, ORGANIZATION_OID);
}

/** The common name asked for; the last one counts. @returns undefined when the text is no certificate request */
export function requestedName(pem: string): string | undefined {
  const names = attributesOf(pem, NAME_OID);
  return names && (names.at(-1) ?? '');
}

function attributesOf(pem: string, wanted: string): string[] | undefined {
  const block = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([\s\S]+?)-----END/.exec(pem);
  if (!block) return undefined;
  const outer = readElement(Buffer.from(block[1] ?? '', 'base64'), 0);
  const info = outer && readElement(outer.body, 0);
  if (!info) return undefined;
  // CertificationRequestInfo ::= SEQUENCE { version, subject, subjectPKInfo, attributes }
  const subject = children(info.body)[1];
  if (!subject) return undefined;
  const found: string[] = [];
  for (const set of children(subject.body)) {
    for (const attribute of children(set.body)) {
      const [oid, value] = children(attribute.body);
      if (oid?.body.toString('hex') === wanted && value) found.push(value.body.toString());
    }
  }
  return found;
}

function children(body: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < body.length; ) {
    const element = readElement(body, at);
    if (!element) return found;
    found.push(element);
    at = element.end;
  }
  return found;
}

function readElement(buffer: Buffer, at: number): Element | undefined {
  const tag = buffer[at];
  const first = buffer[at + 1];
  if (tag === undefined || first === undefined) return undefined;
  let length = first;
  let start = at + 2;
  if (first & 0x80) {
    const size = first & 0x7f;
    if (size === 0 || size > 4 || start + size > buffer.length) return undefined;
    length = buffer.readUIntBE(start, size);
    start += size;
  }
  const end = start + length;
  return end > buffer.length ? undefined : { tag, body: buffer.subarray(start, end), end };
}
