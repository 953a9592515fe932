package org.infliximabcds.hapi;

import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.util.Map;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.core.env.MapPropertySource;

/**
 * A real HAPI FHIR JPA R4 server on loopback, for tests.
 *
 * <p>Standard output carries one line, {@code READY http://127.0.0.1:PORT/fhir}; all else goes to standard error.
 */
public final class Main {

    private static final String HOST = "127.0.0.1";
    private static final String BASE_PATH = "/fhir";

    private Main() {}

    public static void main(String[] args) {
        PrintStream announcements = System.out;
        // Some libraries print to standard output, where a reader waits for the READY line alone.
        System.setOut(System.err);
        try {
            announcements.println("READY " + serve(Options.parse(args)));
        } catch (Exception e) {
            e.printStackTrace();
            System.err.println("HAPI cannot start: " + NestedExceptionUtils.getMostSpecificCause(e));
            System.exit(1); // without it, threads of a half-started server would live on
        }
    }

    private static String serve(Options options) throws Exception {
        if (options.stopWithParent()) {
            stopWithParent();
        }
        Server web = new Server(new InetSocketAddress(HOST, options.port()));
        int port = takePort(web);
        AnnotationConfigApplicationContext storage = openStorage(options.db());
        // One hook in one order: no request may meet a closed database.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(web, storage)));
        openWeb(web, new FhirServlet(storage));
        return "http://" + HOST + ":" + port + BASE_PATH;
    }

    /** Before all else, so that a port already taken is told at once and not after the storage has started. */
    private static int takePort(Server web) throws IOException {
        ServerConnector connector = (ServerConnector) web.getConnectors()[0];
        connector.open();
        return connector.getLocalPort();
    }

    private static AnnotationConfigApplicationContext openStorage(String db) {
        AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext();
        context.getEnvironment().getPropertySources().addFirst(new MapPropertySource("options", Map.of("db", db)));
        context.register(JpaConfig.class);
        context.refresh();
        return context;
    }

    private static void openWeb(Server web, FhirServlet servlet) throws Exception {
        ServletHolder holder = new ServletHolder(servlet);
        holder.setInitOrder(1); // at start, not at the first request: READY means that it answers
        ServletContextHandler handler = new ServletContextHandler();
        handler.addServlet(holder, BASE_PATH + "/*");
        web.setHandler(handler);
        web.start();
    }

    /** A test run that is killed cannot stop its server, and a forgotten server holds 600 MB. */
    private static void stopWithParent() {
        ProcessHandle.current().parent().ifPresent(parent -> parent.onExit().thenRun(() -> System.exit(0)));
    }

    private static void close(Server web, AnnotationConfigApplicationContext storage) {
        try {
            web.stop();
        } catch (Exception e) {
            e.printStackTrace();
        } finally {
            storage.close();
        }
    }
}
