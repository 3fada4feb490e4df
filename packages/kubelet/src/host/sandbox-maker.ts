import type { Pod } from '@kubets/api';
import { dnsConfigOf } from '../core/dns.ts';
import { specOf, uidOf } from '../core/pod.ts';
import { sandboxSpec } from '../core/sandbox-spec.ts';
import { RuntimeFault, rpcText } from '../errors.ts';
import type { SandboxSpec } from '../ports.ts';
import { podCgroup } from './cgroups.ts';
import type { PodDeps } from './deps.ts';

/** What the kernel takes. */
const MAX_HOSTNAME = 64;

/** @throws RuntimeFault for a full name (`setHostnameAsFQDN`) that is too long */
function checkHostname(name: string): void {
  if (name.length <= MAX_HOSTNAME) return;
  const limits = `${MAX_HOSTNAME} characters is the max, ${name.length} characters requested`;
  const what = 'failed to construct FQDN from pod hostname and cluster domain';
  throw new RuntimeFault(`${what}, FQDN ${name} is too long (${limits})`);
}

/** Makes pod sandboxes. */
export class SandboxMaker {
  readonly #deps: PodDeps;

  constructor(deps: PodDeps) {
    this.#deps = deps;
  }

  spec(pod: Pod, attempt: number): SandboxSpec {
    const { node, files } = this.#deps;
    return sandboxSpec(pod, {
      attempt,
      logDirectory: files.logDirectory(pod),
      cgroupParent: podCgroup(node.cgroupRoot, uidOf(pod)),
      dns: dnsConfigOf(pod, node.dns, node.hostDns),
      clusterDomain: node.dns.domain,
      seccompDir: node.seccompDir,
    });
  }

  /** What the pod's RuntimeClass is called by the runtime. @throws RuntimeFault when there is no such class */
  async #handlerOf(pod: Pod): Promise<string> {
    const { runtimeClassName } = specOf(pod);
    if (!runtimeClassName) return '';
    const found = await this.#deps.objects.runtimeClass(runtimeClassName);
    if (found !== undefined) return found.handler;
    const why = `runtimeclass.node.k8s.io "${runtimeClassName}" not found`;
    throw new RuntimeFault(`failed to get RuntimeClass "${runtimeClassName}": ${why}`);
  }

  /** @throws RuntimeFault, after saying so in an event */
  async make(pod: Pod, attempt: number, signal: AbortSignal): Promise<void> {
    const { runtime, files, volumes, events, slots, figures } = this.#deps;
    // Volumes come first: a pod whose volumes are missing needs no network yet.
    await volumes.mount(pod);
    await files.prepareSandbox(pod);
    if (signal.aborted) return;
    try {
      const handler = await this.#handlerOf(pod);
      const spec = this.spec(pod, attempt);
      checkHostname(spec.hostname);
      await slots.run(() => runtime.runSandbox(spec, handler));
      await files.weighPod(pod);
      figures?.sandbox(true);
    } catch (error) {
      if (error instanceof RuntimeFault) {
        figures?.sandbox(false);
        const why = `Failed to create pod sandbox: ${rpcText(error)}`;
        events.warn(pod, 'FailedCreatePodSandBox', why);
      }
      throw error;
    }
  }
}
