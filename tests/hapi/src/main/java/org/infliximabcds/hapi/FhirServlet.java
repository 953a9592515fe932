package org.infliximabcds.hapi;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.interceptor.api.IInterceptorBroadcaster;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.dao.DaoRegistry;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.delete.ThreadSafeResourceDeleterSvc;
import ca.uhn.fhir.jpa.interceptor.CascadingDeleteInterceptor;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import org.springframework.context.ApplicationContext;

/** The FHIR REST interface over the storage that {@link JpaConfig} set up. */
class FhirServlet extends RestfulServer {

    private static final long serialVersionUID = 1L;

    /** HAPI's default of 50 would silently answer _count=200 with 50 rows. */
    private static final int LARGEST_PAGE = 1000;

    private final transient ApplicationContext beans;

    FhirServlet(ApplicationContext beans) {
        super(beans.getBean(FhirContext.class));
        this.beans = beans;
    }

    @Override
    protected void initialize() {
        registerProviders(bean(ResourceProviderFactory.class).createProviders());
        registerProvider(bean(JpaSystemProvider.class));
        setServerConformanceProvider(new JpaCapabilityStatementProvider(
                this,
                bean(IFhirSystemDao.class),
                bean(JpaStorageSettings.class),
                bean(ISearchParamRegistry.class),
                bean(IValidationSupport.class)));

        DatabaseBackedPagingProvider paging = bean(DatabaseBackedPagingProvider.class);
        paging.setMaximumPageSize(LARGEST_PAGE);
        setPagingProvider(paging);

        registerInterceptor(new CascadingDeleteInterceptor(
                getFhirContext(),
                bean(DaoRegistry.class),
                bean(IInterceptorBroadcaster.class),
                bean(ThreadSafeResourceDeleterSvc.class)));
    }

    private <T> T bean(Class<T> type) {
        return beans.getBean(type);
    }
}
