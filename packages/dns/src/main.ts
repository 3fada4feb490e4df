/** The name server process: flags, view of the cluster, doors, registration. */
import { ApiClient } from '@kubets/client';
import { ConfigError, loadTlsFlags, runMain } from '@kubets/platform';
import { flags, readConfig } from './config.ts';
import { Forwarder } from './forward/forwarder.ts';
import { Registration } from './register/registration.ts';
import { Responder } from './server/responder.ts';
import { DnsServer } from './server/server.ts';
import { InformerView } from './zone/informer-view.ts';

await runMain({
  name: 'dns',
  summary: 'answers for the names of services and pods',
  flags,
  async start(ctx, config) {
    const { log, clock, random } = ctx;
    if (config.apiservers.length === 0) throw new ConfigError('--apiservers is required');
    const dns = readConfig(config);
    const tls = loadTlsFlags(config);
    const api = new ApiClient({
      endpoints: config.apiservers,
      userAgent: 'kubets-dns',
      log,
      clock,
      random,
      ...(tls ? { tls } : {}),
    });
    ctx.onShutdown('api', () => api.close());

    const view = new InformerView({ api, clock, random, log });
    view.start();
    ctx.onShutdown('view', () => view.stop());
    ctx.health.addCheck('cluster-view', () => {
      if (!view.synced()) throw new Error('services are not known yet');
    });

    const forwarder = new Forwarder({ upstreams: dns.upstreams, clock, random, log });
    const responder = new Responder({
      view,
      zone: { domain: dns.domain, serverIp: dns.clusterDns },
      random,
      forward: (question, dnssecOk) => forwarder.ask(question, dnssecOk),
    });
    const answer = responder.answer.bind(responder);
    const server = new DnsServer({ host: dns.host, port: dns.port, clock, log, answer });
    const port = await server.listen();
    ctx.onShutdown('doors', () => server.close());
    log.info({ host: dns.host, port, upstreams: dns.upstreams }, 'answering');

    if (dns.advertiseAddress === '') return;
    const { clusterDns, advertiseAddress: address, nodeName } = dns;
    const own = { clusterDns, address, port, nodeName };
    const registration = new Registration({ api, clock, log, ...own });
    // Only once it can answer: a resolver takes a wrong "no" for the truth.
    void view.whenSynced().then(() => {
      if (ctx.signal.aborted) return;
      registration.start();
      ctx.onShutdown('registration', () => registration.stop());
    });
  },
});
