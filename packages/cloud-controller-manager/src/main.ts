/** The cloud-controller-manager process: flags, election, and the controllers while it leads. */
import { runControllers } from '@kubets/controller-manager/host';
import { ConfigError, runMain } from '@kubets/platform';
import { cloudOptions, flags } from './config.ts';
import { cloudControllers } from './controllers.ts';
import { PROVIDERS } from './providers.ts';
import { inventoryFile } from './runtime/config-file.ts';

await runMain({
  name: 'cloud-controller-manager',
  summary: 'keeps load balancers and nodes in step with the machines and the network around them',
  flags,
  async start(ctx, config) {
    const options = cloudOptions(config);
    const inventory = inventoryFile(config.cloudConfig);
    // A file that is wrong from the start is a mistake in the flags.
    await inventory().catch((error: Error) => Promise.reject(new ConfigError(error.message)));
    const makeProvider = PROVIDERS[config.cloudProvider];
    runControllers(ctx, config, {
      userAgent: 'kubets-cloud-controller-manager',
      leaseName: config.leaderElectResourceName,
      controllers: (deps) => {
        const provider = makeProvider(deps, { ranges: options.ranges, inventory });
        return cloudControllers(deps, provider, options);
      },
    });
  },
});
