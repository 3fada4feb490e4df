/** An answer of a server that means failure, in the words of the stock client. */
import { isJsonObject } from '@kubets/api';

const TEXTS: Readonly<Record<number, string>> = {
  400: 'the server rejected our request for an unknown reason',
  401: 'the server has asked for the client to provide credentials',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  409: 'the server reported a conflict',
  422: 'the server rejected our request due to an error in our request',
  429: 'the server has received too many requests and has asked us to try again later',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
};

const FIRST_SERVER_ERROR = 500;

/** @param body of the answer: a Status speaks for itself */
export function statusText(code: number, body: string): string {
  const said = messageOf(body);
  if (said !== undefined) return said;
  if (code === 403) return body || 'forbidden';
  const known = TEXTS[code];
  if (known !== undefined) return known;
  if (code >= FIRST_SERVER_ERROR) {
    const text = JSON.stringify(body.trim() || 'unknown');
    return `an error on the server (${text}) has prevented the request from succeeding`;
  }
  return `the server responded with the status code ${code} but did not return more information`;
}

function messageOf(body: string): string | undefined {
  try {
    const value: unknown = JSON.parse(body);
    const isStatus = isJsonObject(value) && value.kind === 'Status' && value.status === 'Failure';
    return isStatus ? String(value.message ?? '') : undefined;
  } catch {
    return undefined;
  }
}
