/** A service that keeps keys, for tests: what it seals is the plain text behind the name of the key. */
import type { KmsService, KmsStatus } from './service.ts';

export class FakeKms implements KmsService {
  keyId = 'key-1';
  /** What it encrypts with, when that is not what its status says. */
  encryptsWith: string | undefined;
  healthz = 'ok';
  version = 'v2';
  annotations: Record<string, Buffer> = { 'local.example.com': Buffer.from('1') };
  readonly calls: string[] = [];
  /** Decrypting waits for this. */
  hold: Promise<void> = Promise.resolve();
  isDown = false;

  status(): Promise<KmsStatus> {
    return this.#answer('status', () => {
      const { version, healthz, keyId } = this;
      return { version, healthz, key_id: keyId };
    });
  }

  encrypt(_uid: string, plaintext: Buffer) {
    return this.#answer('encrypt', () => {
      const key_id = this.encryptsWith ?? this.keyId;
      const ciphertext = Buffer.concat([Buffer.from(`${key_id}|`), plaintext]);
      return { ciphertext, key_id, annotations: this.annotations };
    });
  }

  async decrypt(
    _uid: string,
    sealed: { ciphertext: Buffer; key_id: string; annotations: Readonly<Record<string, Buffer>> },
  ): Promise<Buffer> {
    await this.hold;
    return this.#answer('decrypt', () => {
      const head = Buffer.from(`${sealed.key_id}|`);
      if (!sealed.ciphertext.subarray(0, head.length).equals(head)) throw new Error('not mine');
      if (sealed.annotations['local.example.com']?.toString() !== '1') throw new Error('no note');
      return sealed.ciphertext.subarray(head.length);
    });
  }

  close(): void {
    this.calls.push('close');
  }

  async #answer<T>(call: string, make: () => T): Promise<T> {
    this.calls.push(call);
    if (this.isDown) throw new Error('14 UNAVAILABLE: no connection');
    return make();
  }
}
