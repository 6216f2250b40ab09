import com.lightstreamer.adapters.remote.*;
import java.io.FileInputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.*;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * The adapters of ../adapters.md. Arguments: data=PORT, metadata=PORT, user=X, password=X, ca=FILE.
 * More than there: items of the kind "diffs" declare how their fields may differ; the message "terminate" closes the session, "unsubscribe" ends its last subscription.
 */
public class Adapters {

    static synchronized void tell(String line) {
        System.out.println(line);
        System.out.flush();
    }

    static final String LONG = "This is long enough for a difference to be shorter than the whole.";

    static class Data implements DataProvider {
        final Map<String, Thread> clocks = new ConcurrentHashMap<>();
        ItemEventListener listener;

        public void init(Map<String, String> parameters, String config) {
            tell("data initialize " + parameters);
        }

        public void setListener(ItemEventListener listener) {
            this.listener = listener;
        }

        public boolean isSnapshotAvailable(String item) {
            return Arrays.asList("merge", "distinct", "command").contains(item.split("\\.")[0]);
        }

        static Map<String, Object> event(Object... pairs) {
            Map<String, Object> event = new LinkedHashMap<>();
            for (int i = 0; i < pairs.length; i += 2) {
                event.put((String) pairs[i], pairs[i + 1]);
            }
            return event;
        }

        public void subscribe(String item) throws SubscriptionException {
            tell("subscribe " + item);
            switch (item.split("\\.")[0]) {
                case "fails":
                    throw new SubscriptionException("no such item");
                case "merge":
                    byte[] bytes = {(byte) 0xe9, '|'};
                    listener.update(item, event("a", "1", "b", "é€𩥪 |%+#$\r\n", "c", "", "d", bytes), true);
                    listener.update(item, event("a", "#", "c", null), false);
                    break;
                case "distinct":
                    listener.update(item, event("a", "one"), true);
                    listener.update(item, event("a", "two"), true);
                    listener.endOfSnapshot(item);
                    listener.update(item, event("a", "three"), false);
                    break;
                case "command":
                    listener.update(item, event("key", "k1", "command", "ADD", "a", "1"), true);
                    listener.update(item, event("key", "k2", "command", "ADD", "a", "2"), true);
                    listener.endOfSnapshot(item);
                    listener.update(item, event("key", "k1", "command", "UPDATE", "a", "1b"), false);
                    listener.update(item, event("key", "k2", "command", "DELETE"), false);
                    break;
                case "raw":
                    listener.update(item, event("a", "1"), false);
                    listener.update(item, event("a", "1"), false);
                    break;
                case "diffs":
                    Map<String, DiffAlgorithm[]> orders = new LinkedHashMap<>();
                    orders.put("json", new DiffAlgorithm[] {DiffAlgorithm.JSONPATCH, DiffAlgorithm.DIFF_MATCH_PATCH});
                    orders.put("text", new DiffAlgorithm[] {DiffAlgorithm.DIFF_MATCH_PATCH});
                    orders.put("none", new DiffAlgorithm[0]);
                    listener.declareFieldDiffOrder(item, orders);
                    for (int number = 1; number <= 2; number++) {
                        String json = "{\"text\":\"" + LONG + "\",\"number\":" + number + "}";
                        String text = LONG + " " + number;
                        listener.update(
                            item, event("json", json, "text", text, "none", text, "other", text), false);
                    }
                    break;
                case "clock":
                    Thread clock = new Thread(() -> runClock(item));
                    clock.setDaemon(true);
                    clocks.put(item, clock);
                    clock.start();
                    break;
                default:
            }
        }

        void runClock(String item) {
            String pid = Long.toString(ProcessHandle.current().pid());
            for (int ticks = 1; clocks.get(item) == Thread.currentThread(); ticks++) {
                try {
                    Thread.sleep(50);
                } catch (InterruptedException stopped) {
                    return;
                }
                listener.update(item, event("a", Integer.toString(ticks), "b", pid), false);
            }
        }

        public void unsubscribe(String item) {
            tell("unsubscribe " + item);
            Thread clock = clocks.remove(item);
            if (clock != null) {
                clock.interrupt();
            }
        }
    }

    static class Metadata extends MetadataProviderAdapter {
        final Map<String, TableInfo> tables = new ConcurrentHashMap<>();
        final Map<String, String> users = new ConcurrentHashMap<>();
        MetadataControlListener listener;

        @Override
        public void init(Map<String, String> parameters, String config) {
            tell("metadata initialize " + parameters);
        }

        @Override
        public void setListener(MetadataControlListener listener) {
            this.listener = listener;
        }

        @Override
        public void notifyUser(String user, String password, Map<String, String> headers)
                throws AccessException, CreditsException {
            if ("denied".equals(user)) {
                throw new AccessException("wrong password");
            }
            if ("nocredit".equals(user)) {
                throw new CreditsException(-7, "internal: no credit", "No more credit & thanks");
            }
        }

        @Override
        public String[] getItems(String user, String session, String group) throws ItemsException {
            if (group.equals("bad")) {
                throw new ItemsException("unknown group");
            }
            return group.split(" ");
        }

        @Override
        public String[] getSchema(String user, String session, String group, String schema) throws SchemaException {
            if (schema.equals("bad")) {
                throw new SchemaException("unknown schema");
            }
            return schema.split(" ");
        }

        @Override
        public boolean modeMayBeAllowed(String item, Mode mode) {
            String kind = item.split("\\.")[0].toUpperCase();
            boolean named = Arrays.asList("DISTINCT", "COMMAND", "RAW").contains(kind);
            return mode.toString().equals(named ? kind : "MERGE");
        }

        @Override
        public int getDistinctSnapshotLength(String item) {
            return 10;
        }

        @Override
        public boolean wantsTablesNotification(String user) {
            return true;
        }

        @Override
        public boolean enableTableUnsubscription(String session, TableInfo[] tables) {
            return !"keeps".equals(users.get(session));
        }

        @Override
        public boolean wantsFinalTableStatistics(String session, TableInfo[] tables) {
            return true;
        }

        @Override
        public void notifyNewTables(String user, String session, TableInfo[] tables) throws CreditsException {
            TableInfo table = tables[0];
            tell("tables " + table.getId() + " " + table.getSchema() + " " + table.getMin() + " " + table.getMax());
            if ("notables".equals(user)) {
                throw new CreditsException(-9, "refused", "table refused");
            }
            this.tables.put(session, table);
            users.put(session, String.valueOf(user));
        }

        @Override
        public void notifyTablesClose(String session, TableInfo[] tables) {
            TableInfo table = tables[0];
            tell("tables closed " + table.getId());
            StringBuilder counts = new StringBuilder();
            SubscriptionStatistics[] all = table.getSubscriptionStatistics();
            if (all != null) {
                for (SubscriptionStatistics one : all) {
                    counts.append(" ").append(one.getTotRealTime());
                }
            }
            tell("statistics " + table.getId() + counts);
        }

        @Override
        public void notifyNewSession(String user, String session, Map<String, String> context) {
            tell("session " + session);
        }

        @Override
        public void notifySessionClose(String session) {
            tell("session closed " + session);
        }

        @Override
        public void notifyUserMessage(String user, String session, String message)
                throws CreditsException, NotificationException {
            tell("message " + message);
            switch (message) {
                case "credits":
                    throw new CreditsException(-3, "refused", "refused | for you");
                case "notif":
                    throw new NotificationException("wrong message");
                case "crash":
                    throw new RuntimeException("unexpected");
                case "terminate":
                    listener.forceSessionTermination(session, -13, "go away | now")
                        .thenRun(() -> tell("terminated"));
                    break;
                case "unsubscribe":
                    listener.forceUnsubscription(session, tables.get(session))
                        .thenAccept(done -> tell("unsubscribed " + done));
                    break;
                default:
            }
        }
    }

    static Socket connect(Map<String, String> job, String kind) throws Exception {
        int port = Integer.parseInt(job.get(kind));
        if (!job.containsKey("ca")) {
            return new Socket("127.0.0.1", port);
        }
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (FileInputStream file = new FileInputStream(job.get("ca"))) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context.getSocketFactory().createSocket("localhost", port);
    }

    public static void main(String[] arguments) throws Exception {
        System.setOut(new java.io.PrintStream(System.out, true, StandardCharsets.UTF_8));
        Map<String, String> job = new HashMap<>();
        for (String argument : arguments) {
            String[] pair = argument.split("=", 2);
            job.put(pair[0], pair[1]);
        }
        List<Server> servers = new ArrayList<>();
        if (job.containsKey("metadata")) {
            MetadataProviderServer server = new MetadataProviderServer();
            server.setAdapter(new Metadata());
            prepare(server, job, "metadata");
            servers.add(server);
        }
        if (job.containsKey("data")) {
            DataProviderServer server = new DataProviderServer();
            server.setAdapter(new Data());
            prepare(server, job, "data");
            servers.add(server);
        }
        for (Server server : servers) {
            server.start();
        }
        tell("started");
    }

    static void prepare(Server server, Map<String, String> job, String kind) throws Exception {
        Socket socket = connect(job, kind);
        server.setName(kind);
        server.setRequestStream(socket.getInputStream());
        server.setReplyStream(socket.getOutputStream());
        if (job.containsKey("user")) {
            server.setRemoteUser(job.get("user"));
            server.setRemotePassword(job.get("password"));
        }
    }
}
