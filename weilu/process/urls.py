"""Addresses of my work, of lists and of searching."""

from django.urls import path

from weilu.process import draft_views, flow_views, hand_views, list_views, running_views, views

app_name = "process"
urlpatterns = [
    path("", views.my_work, name="my_work"),
    path("items/", views.items, name="items"),
    path("items/<str:uid>/watch", list_views.watch, name="watch"),
    path("items/<str:uid>/hand", hand_views.hand_on, name="hand"),
    path("absences/", hand_views.absences, name="absences"),
    path("absences/<uuid:uid>/end", hand_views.end_absence, name="end_absence"),
    path("overview", views.overview, name="overview"),
    path("search", list_views.search, name="search"),
    path("lists.xlsx", list_views.export, name="export"),
    path("lists/columns", list_views.choose_columns, name="columns"),
    path("lists/filters", list_views.save_filter, name="save_filter"),
    path("lists/filters/<str:uid>/drop", list_views.drop_filter, name="drop_filter"),
    path("bulk", list_views.bulk, name="bulk"),
    path("bulk/sign", list_views.bulk_sign, name="bulk_sign"),
    path("flows/", flow_views.flows, name="flows"),
    path("flows/new", draft_views.begin_flow, name="new_flow"),
    path("flows/<uuid:uid>/", flow_views.flow, name="flow"),
    path("flows/<uuid:uid>/compare", flow_views.compare, name="compare_flows"),
    path("flows/<uuid:uid>/simulation", flow_views.simulation, name="simulation"),
    path("flows/<uuid:uid>/running", running_views.running, name="running"),
    path("flows/<uuid:uid>/draft", draft_views.begin_draft, name="begin_draft"),
    path("flows/drafts/<uuid:uid>/", draft_views.draft, name="draft"),
    path("flows/drafts/<uuid:uid>/check", draft_views.check, name="check_draft"),
]
