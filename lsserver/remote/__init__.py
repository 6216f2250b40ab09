"""
Remote Adapters: the server's end of the ARI protocol (remote-adapters.md).

Two adapters live here, L{RemoteDataProvider<lsserver.remote.data.RemoteDataProvider>}
and L{RemoteMetadataProvider<lsserver.remote.metadata.RemoteMetadataProvider>}. They
implement the contracts of L{lsserver.adapters.interfaces} and pass every call on to
a process that uses one of the official Remote Adapter SDKs.
"""
